//! A PrusaLink on the command line: a user and a password, and what is kept of them.

mod common;

use common::{Scratch, gcode, run, run_with};
use printhost_sim::{PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};

async fn sim(family: PrusaLinkFamily) -> PrusaLinkSim {
    PrusaLinkSim::start(PrusaLinkConfig::new(family).time_scale(100.0)).await.expect("a free port")
}

#[tokio::test]
async fn password_that_lets_us_in_is_kept_and_serves_from_then_on() {
    for family in [PrusaLinkFamily::Pi, PrusaLinkFamily::Buddy] {
        let (sim, scratch) = (sim(family).await, Scratch::new());
        let config = scratch.path().join("config.toml");
        let add = run_with(&config, "", &["config", "add", "mk4", &sim.url()]).await;
        assert_eq!(add.code, Some(0), "{}", add.stderr);
        let wrong = run_with(&config, "not-this-one\n", &["login", "mk4"]).await;
        assert_ne!(wrong.code, Some(0));
        assert!(wrong.stderr.contains("password") && !scratch.names().contains(&"config.keys".to_owned()));

        let password = &sim.config().password;
        let login = run_with(&config, &format!("{password}\n"), &["login", "mk4"]).await;
        assert_eq!(login.code, Some(0), "{}", login.stderr);
        let shown = login.stdout + &login.stderr;
        assert!(!shown.contains(password.as_str()), "{shown}");
        let kept = std::fs::read_to_string(scratch.path().join("config.keys")).expect("it was kept");
        assert!(kept.ends_with(&format!("{} maker:{password}\n", sim.url())), "{kept}");

        let file = scratch.file("part.gcode", &gcode(1));
        let upload = run_with(&config, "", &["upload", &file, "mk4"]).await;
        assert_eq!(upload.code, Some(0), "{}", upload.stderr);
        assert_eq!(sim.files()[0].path, "part.gcode");
        assert!(sim.challenges().0 > 0, "no digest was asked for");
    }
}

#[tokio::test]
async fn user_and_password_or_a_key_are_taken_from_wherever_keys_come() {
    let sim = sim(PrusaLinkFamily::Pi).await;
    let (key, password) = (&sim.config().api_key, &sim.config().password);
    for (secret, code) in [(key.clone(), Some(0)), (format!("maker:{password}"), Some(0))] {
        let status = run(&secret, &["status", &sim.url()]).await;
        assert_eq!(status.code, code, "{}", status.stderr);
    }
    for wrong in [password.clone(), format!("other:{password}"), format!("maker:{key}")] {
        let status = run(&wrong, &["status", &sim.url()]).await;
        assert_ne!(status.code, Some(0));
        assert!(!(status.stdout + &status.stderr).contains(&wrong));
    }
}

#[tokio::test]
async fn user_that_is_none_and_a_password_of_two_words_are_refused_before_anything_is_sent() {
    let (sim, scratch) = (sim(PrusaLinkFamily::Pi).await, Scratch::new());
    let config = scratch.path().join("config.toml");
    for (user, password) in [("a:b", "x"), ("maker", "two words"), ("maker", "")] {
        let url = sim.url();
        let login = run_with(&config, &format!("{password}\n"), &["login", &url, "--user", user]).await;
        assert_ne!(login.code, Some(0), "{user} {password}");
    }
    assert_eq!(sim.requests(), []);
}
