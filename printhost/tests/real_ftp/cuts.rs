//! Connections that are cut at any point.

use super::{
    certificates::Version,
    claims::{connect, content},
    network::{Cut, Front, net},
    servers::Server,
};

const ROUNDS: u64 = 50;

#[tokio::test]
async fn nothing_partial_is_a_success_and_nothing_partial_gets_the_name_on_vsftpd() {
    cut_everywhere(&Server::vsftpd(Version::V3)).await;
}

#[tokio::test]
async fn nothing_partial_is_a_success_and_nothing_partial_gets_the_name_on_pure_ftpd() {
    if let Some(server) = Server::pure_ftpd() {
        cut_everywhere(&server).await;
    }
}

async fn cut_everywhere(server: &Server) {
    let net = net(Front::new(server.is_explicit));
    let (mut failed, mut stored, mut random) = (0, 0, 0x9e37_79b9_7f4a_7c15_u64);
    let mut there: Option<Vec<u8>> = None;
    for round in 0..ROUNDS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let file = content(round as u8, (1 << 20) + (random >> 40) as usize % 70_000);
        let (data, reset) = (round % 5 != 0, round % 2 == 0);
        let most = if data { file.len() as u64 + 30_000 } else { 2500 };
        // Some right at the end, where the last record is.
        let after = match round % 7 {
            3 if data => file.len() as u64 + (random >> 33) % 800,
            _ => (random >> 33) % most,
        };
        let cut = Cut { data, after, reset };
        net.dialer().cut_next(cut);
        let result = match connect(&net, server).await {
            Ok(mut ftp) => ftp.replace(&server.path("a.3mf"), &mut &file[..], file.len() as u64).await,
            Err(error) => Err(error),
        };
        net.dialer().cut_none();
        let now = server.read("a.3mf");
        match result {
            Ok(_) => {
                stored += 1;
                assert!(now.as_ref() == Some(&file), "{cut:?}: a success, and not the file");
            }
            // A rename whose answer was lost may have been carried out.
            Err(error) => {
                failed += 1;
                assert!(now == there || now.as_ref() == Some(&file), "{cut:?}: something partial: {error}");
            }
        }
        there = now;
    }
    println!("{failed} of {ROUNDS} uploads failed, {stored} were stored");
    assert!(failed > ROUNDS / 3, "only {failed} of {ROUNDS} were cut");
}
