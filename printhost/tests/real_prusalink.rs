//! What a real PrusaLink does that others complain about, and no suite knows of. `cargo xtask prusalink` starts one with a
//! simulated MK3S, arranges what the names say, and runs these one by one: `PRINTHOST_PRUSALINK_URL` and `_KEY` in the
//! environment.

use std::{env, time::Duration};

use printhost::{
    AnyHost, Command, ErrorKind, HyperNet, Page, Phase, PrintHost, PrinterUrl, Retry, Started, Upload,
    Verified,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

fn get(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `cargo xtask prusalink`"))
}

fn host() -> AnyHost<HyperNet> {
    let url: PrinterUrl = get("PRINTHOST_PRUSALINK_URL").parse().unwrap();
    AnyHost::new(HyperNet::new(), &url, get("PRINTHOST_PRUSALINK_KEY"))
}

async fn until(host: &AnyHost<HyperNet>, phase: Phase) {
    let shows = async {
        while host.status().await.unwrap().phase != phase {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(60), shows).await.unwrap_or_else(|_| panic!("never {phase:?}"));
}

fn long() -> String {
    "M73 P1 R10\n".to_owned() + &"G1 X20 Y20 F1200\nG1 X140 Y120 F1200\n".repeat(4000)
}

#[tokio::test]
async fn busy_transfer_is_told_before_anything_is_sent_and_the_same_reader_serves_again() {
    let host = host();
    let address =
        get("PRINTHOST_PRUSALINK_URL").trim_start_matches("prusalink://").trim_end_matches('/').to_owned();
    let mut foreign = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "PUT /api/v1/files/local/foreign.gcode HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Type: text/x.gcode\r\n\
         Content-Length: 200000\r\n\r\n",
        get("PRINTHOST_PRUSALINK_KEY")
    );
    foreign.write_all(head.as_bytes()).await.unwrap();
    foreign.write_all(&[b';'; 100_000]).await.unwrap();
    let content = b"; mine\n".repeat(100);
    let (error, mut body) = loop {
        let mut body = &content[..];
        match host.upload(Upload::new("mine.gcode", content.len() as u64, &mut body)).await {
            Err(error) => break (error, body),
            // The foreign one has not begun yet.
            Ok(_) => host.delete("mine.gcode").await.unwrap(),
        }
    };
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Busy, Retry::Safe), "{error}");
    assert_eq!(body.len(), content.len(), "it was read");
    foreign.write_all(&[b';'; 100_000]).await.unwrap();
    let mut answer = [0; 12];
    foreign.read_exact(&mut answer).await.unwrap();
    let done = host.upload(Upload::new("mine.gcode", content.len() as u64, &mut body)).await.unwrap();
    assert_eq!(done.verified, Verified::Size);
    for path in ["mine.gcode", "foreign.gcode"] {
        host.delete(path).await.unwrap();
    }
}

/// Also what follows a print that was stopped: PrusaLink shows that for 11 seconds, and starts nothing meanwhile.
#[tokio::test]
async fn file_is_stored_and_not_started_while_another_prints_and_none_is_started_while_one_was_just_stopped()
{
    let host = host();
    // What was printed before may just have been stopped.
    until(&host, Phase::Idle).await;
    let (long, short) = (long(), "G28\n");
    let mut body = long.as_bytes();
    let done =
        host.upload(Upload::new("first.gcode", long.len() as u64, &mut body).and_print()).await.unwrap();
    assert!(matches!(done.started, Started::Yes(_)), "{done:?}");
    until(&host, Phase::Printing).await;

    let mut body = short.as_bytes();
    let done =
        host.upload(Upload::new("second.gcode", short.len() as u64, &mut body).and_print()).await.unwrap();
    assert_eq!(done.verified, Verified::Size);
    let Started::No(refused) = done.started else { panic!("{:?}", done.started) };
    assert_eq!((refused.kind(), refused.operation()), (ErrorKind::Conflict, "start"));
    let status = host.status().await.unwrap();
    assert_eq!(status.job.unwrap().path.as_deref(), Some("first.gcode"));
    let listed = host.files("", Page::first(99)).await.unwrap().entries;
    assert!(listed.iter().any(|entry| entry.path == "second.gcode"), "{listed:?}");

    host.command(Command::Cancel).await.unwrap();
    until(&host, Phase::Cancelled).await;
    let refused = host.start("second.gcode").await.unwrap_err();
    assert_eq!((refused.kind(), refused.http_status()), (ErrorKind::Conflict, Some(409)), "{refused}");
    until(&host, Phase::Idle).await;
    for path in ["first.gcode", "second.gcode"] {
        host.delete(path).await.unwrap();
    }
}

#[tokio::test]
async fn unplugged_printer_is_offline_with_the_words_of_the_host_and_starts_nothing() {
    let host = host();
    host.connect().await.unwrap();
    let status = host.status().await.unwrap();
    assert_eq!(status.phase, Phase::Offline);
    assert!(status.fault.is_some_and(|words| words.contains("Serial")));
    assert!(
        status.tools.is_empty() && status.bed.is_none() && status.fans.is_empty() && status.job.is_none()
    );
    let mut body = &b"G28\n"[..];
    let done = host.upload(Upload::new("later.gcode", 4, &mut body).and_print()).await.unwrap();
    let Started::No(refused) = done.started else { panic!("{:?}", done.started) };
    assert_eq!(refused.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn printer_that_is_plugged_in_again_is_idle_and_has_started_nothing() {
    let host = host();
    until(&host, Phase::Idle).await;
    let status = host.status().await.unwrap();
    assert!(status.fault.is_none() && status.tools.len() == 1 && status.job.is_none(), "{status:?}");
    host.delete("later.gcode").await.unwrap();
}
