//! The FTP client alone, where the simulated printer does what real ones do at the wrong moment.

use std::time::Duration;

use printhost::{
    ErrorKind, HyperNet, Secret, Trust,
    net::{
        Origin, TlsVersions,
        ftp::{Ftp, Proof, Settings},
    },
    net_tokio::FromTokio,
};
use printhost_sim::{BambuConfig, BambuFault, BambuModel, BambuSim};

use super::harness::{net, sim};

/// So short that the tests need not wait.
fn hurried() -> Settings {
    let mut settings = Settings::default();
    (settings.confirm, settings.handshake) = (Duration::from_millis(300), Duration::from_millis(300));
    settings
}

fn origin(sim: &BambuSim) -> Origin {
    let trust = Trust::Device { authorities: sim.authority_pem().into_bytes(), name: sim.serial().into() };
    Origin::tls("127.0.0.1", sim.ftps_addr().port(), trust).with_versions(TlsVersions::Only12)
}

async fn connect<'n>(net: &'n HyperNet, sim: &BambuSim, code: &'n Secret) -> Ftp<'n, HyperNet> {
    Ftp::connect(net, origin(sim), "bblp", code, hurried()).await.unwrap()
}

fn size(sim: &BambuSim, path: &str) -> Option<u64> {
    sim.files().into_iter().find(|file| file.path == path).map(|file| file.size)
}

#[tokio::test]
async fn listings_and_downloads_that_end_without_a_farewell_are_whole() {
    let (sim, net) = (sim(BambuModel::P1s).await, net());
    let code = Secret::new(sim.access_code());
    let mut ftp = connect(&net, &sim, &code).await;
    ftp.store("a", &mut &[7; 100_000][..], 100_000).await.unwrap();
    let mut names = Vec::new();
    let listed = ftp.list("", |entry| {
        names.push(entry.name);
        Ok(true)
    });
    assert_eq!(listed.await.unwrap().skipped, 0);
    assert!(names.contains(&"a".to_owned()), "{names:?}");
    let mut back = FromTokio::new(Vec::new());
    assert_eq!(ftp.retrieve("a", &mut back).await, Ok(100_000));
    assert!(back.into_inner() == [7; 100_000]);
}

#[tokio::test]
async fn file_that_was_emptied_and_never_sent_is_not_left() {
    let mut config = BambuConfig::new(BambuModel::P1s);
    config.ftps.clear_data_only = true;
    let (sim, net) = (BambuSim::start(config).await.unwrap(), net());
    let code = Secret::new(sim.access_code());
    sim.put_file("a", b"older");
    let mut ftp = connect(&net, &sim, &code).await;
    let error = ftp.store("a", &mut &[7; 1000][..], 1000).await.unwrap_err();
    assert_eq!((error.kind(), size(&sim, "a")), (ErrorKind::Timeout, None), "{error}");
    let mut ftp = connect(&net, &sim, &code).await;
    ftp.replace("b", &mut &[7; 1000][..], 1000).await.unwrap_err();
    assert_eq!((size(&sim, "b"), size(&sim, "b.part")), (None, None));
}

#[tokio::test]
async fn word_that_comes_after_the_size_is_no_answer_to_what_is_asked_next() {
    let (sim, net) = (sim(BambuModel::P1s).await, net());
    let code = Secret::new(sim.access_code());
    let mut ftp = connect(&net, &sim, &code).await;
    sim.inject(BambuFault::AnswerBeforeCompletion);
    let stored = ftp.store("a", &mut &[7; 1000][..], 1000).await.unwrap();
    assert_eq!(stored.proof, Proof::Size);
    assert_eq!(ftp.delete("b").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(ftp.size("a").await, Ok(1000));
}
