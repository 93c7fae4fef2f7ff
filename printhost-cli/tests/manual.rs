//! What packagers take from the program: completions and manual pages.

mod common;

use common::{Scratch, run};

#[tokio::test]
async fn every_shell_gets_completions_that_know_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = run("", &["completions", shell]).await;
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("emergency-stop") && ran.stdout.contains("thumbnail"), "{shell}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn completions_are_valid_bash() {
    let scratch = Scratch::new();
    let script = scratch.file("printhost.bash", run("", &["completions", "bash"]).await.stdout.as_bytes());
    let checked = tokio::process::Command::new("bash").args(["-n", &script]).status().await;
    assert!(checked.expect("bash runs").success());
}

#[tokio::test]
async fn every_command_has_a_manual_page() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("man");
    let ran = run("", &["man", folder.to_str().expect("UTF-8"), "--json"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let pages = std::fs::read_dir(&folder).expect("it was created").count();
    assert_eq!(ran.json()[0]["pages"], pages);
    let help = run("", &["--help"]).await.stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let mut seen = 0;
    for command in
        commands.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next())
    {
        if command != "help" {
            let page = std::fs::read_to_string(folder.join(format!("printhost-{command}.1"))).expect(command);
            assert!(page.contains(".SH SYNOPSIS"), "{command}");
            seen += 1;
        }
    }
    assert!(seen > 20, "{help}");
    assert!(run("", &["man"]).await.stdout.contains(".TH printhost 1"));
}
