//! What PrusaLink has beside what the conformance suite asks for, on the simulated one.

use printhost::{
    BaseUrl, ErrorKind, HyperNet, PrintHost as _,
    prusalink::{Config, PrusaLink},
};
use printhost_sim::{PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

async fn pair(config: PrusaLinkConfig) -> (PrusaLinkSim, PrusaLink<HyperNet>) {
    let sim = PrusaLinkSim::start(config).await.unwrap();
    let url = BaseUrl::parse(&format!("http://{}", sim.addr())).unwrap();
    let host = PrusaLink::new(HyperNet::new(), Config::new(url, sim.config().api_key.as_str()));
    (sim, host)
}

#[tokio::test]
async fn camera_of_a_pi_gives_a_picture() {
    let (_sim, host) = pair(PrusaLinkConfig::new(PrusaLinkFamily::Pi).camera(true)).await;
    let cameras = host.cameras().await.unwrap();
    assert_eq!(cameras.len(), 1);
    let (mut room, mut picture) = ([0; 65_536], 0);
    let mut to = &mut room[..];
    picture += host.snapshot(&cameras[0], &mut to).await.unwrap();
    assert!(room[..picture as usize].starts_with(b"\xff\xd8"), "a JPEG begins like that");
}

#[tokio::test]
async fn printer_without_a_camera_says_so_by_an_empty_list() {
    for family in [PrusaLinkFamily::Pi, PrusaLinkFamily::Buddy] {
        let (_sim, host) = pair(PrusaLinkConfig::new(family)).await;
        assert_eq!(host.cameras().await.unwrap(), [], "{family:?}");
    }
}

#[tokio::test]
async fn file_that_somebody_else_sends_is_shown_and_can_be_stopped() {
    let (sim, host) = pair(PrusaLinkConfig::new(PrusaLinkFamily::Pi)).await;
    assert_eq!(host.present_transfer().await.unwrap(), None);
    let mut stream = TcpStream::connect(sim.addr()).await.unwrap();
    let head = format!(
        "PUT /api/v1/files/local/theirs.gcode HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Type: text/x.gcode\r\n\
         Content-Length: 2000\r\n\r\n",
        sim.config().api_key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[b';'; 1000]).await.unwrap();
    let transfer = loop {
        match host.present_transfer().await.unwrap() {
            Some(transfer) if transfer.transferred == Some(1000) => break transfer,
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!((transfer.name.as_deref(), transfer.size), (Some("theirs.gcode"), Some(2000)));
    host.abort_transfer().await.unwrap();
    let _ = stream.write_all(&[b';'; 1000]).await; // it may be closed already
    while host.present_transfer().await.unwrap().is_some() {}
    assert_eq!(sim.files(), []);
}

#[tokio::test]
async fn firmware_cannot_stop_a_transfer_and_nothing_is_sent() {
    let (sim, host) = pair(PrusaLinkConfig::new(PrusaLinkFamily::Buddy)).await;
    host.connect().await.unwrap();
    let before = sim.requests().len();
    assert_eq!(host.abort_transfer().await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(sim.requests().len(), before);
}
