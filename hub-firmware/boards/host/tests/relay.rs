//! The hub's program, between a file server and a simulated printer.

use printhost_sim::{OctoPrintSim, SimConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};

const GCODE: &[u8] = b"G28\nG1 X10 F6000\nG4 P2000\nG1 X20 F6000\n";

/// Serves one request with a body that may be shorter than announced.
async fn serve(listener: TcpListener, body: &'static [u8], announced: usize) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = [0; 1024];
    let n = stream.read(&mut request).await.unwrap();
    assert!(request[..n].starts_with(b"GET /part.gcode "));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
}

async fn relay(announced: usize) -> (OctoPrintSim, std::process::Output) {
    let sim = OctoPrintSim::start(SimConfig::default().time_scale(20.0)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = format!("http://{}/part.gcode", listener.local_addr().unwrap());
    let mut hub = Command::new(env!("CARGO_BIN_EXE_hub-host"));
    hub.args([&source, &sim.url(), "relay/part.gcode"]).env("PRINTHOST_KEY", sim.api_key());
    let (output, ()) = tokio::join!(hub.output(), serve(listener, GCODE, announced));
    (sim, output.unwrap())
}

#[tokio::test]
async fn relayed_file_is_stored_whole_printed_and_followed_to_its_end() {
    let (sim, output) = relay(GCODE.len()).await;
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("Finished"), "{shown}");
    let files = sim.files();
    assert_eq!((files.len(), files[0].path.as_str()), (1, "relay/part.gcode"));
    assert_eq!(files[0].data.as_deref(), Some(GCODE));
}

#[tokio::test]
async fn source_that_ends_early_stores_nothing() {
    let (sim, output) = relay(GCODE.len() + 1).await;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("source"));
    assert_eq!(sim.files().len(), 0);
    assert_eq!(sim.state_text(), "Operational");
}
