//! The proxy does what it is told to, and nothing else.
#![cfg(feature = "runner")]

use std::io::ErrorKind;
use std::time::Duration;

use printhost_testkit::{Fault, runner::FaultProxy};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const ANSWER: &[u8] = b"0123456789";
const SILENT: Duration = Duration::from_millis(300);

/// A host that answers every connection with [`ANSWER`] and leaves it open.
async fn proxy() -> FaultProxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(ANSWER).await.unwrap();
            open.push(stream);
        }
    });
    FaultProxy::start(address).await.unwrap()
}

/// What comes of an answer, and how it ends: `None` when it does not.
async fn answer(proxy: &FaultProxy) -> (usize, Option<Result<(), ErrorKind>>) {
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let mut bytes = [0; 64];
    let mut filled = 0;
    loop {
        match timeout(SILENT, stream.read(&mut bytes[filled..])).await {
            Err(_) => return (filled, None),
            Ok(Ok(0)) => return (filled, Some(Ok(()))),
            Ok(Ok(n)) => filled += n,
            Ok(Err(error)) => return (filled, Some(Err(error.kind()))),
        }
    }
}

#[tokio::test]
async fn answer_is_closed_or_stalled_after_so_many_bytes() {
    let proxy = proxy().await;
    assert_eq!(answer(&proxy).await, (10, None));
    proxy.set(Fault::CloseAnswerAt(4));
    assert!(!proxy.has_happened());
    assert_eq!(answer(&proxy).await, (4, Some(Ok(()))));
    assert!(proxy.has_happened());
    assert_eq!(answer(&proxy).await, (10, None), "it happens once");
    proxy.set(Fault::StallAnswerAt(7));
    assert_eq!(answer(&proxy).await, (7, None));
    assert_eq!(answer(&proxy).await, (7, None), "silence is for all");
    proxy.set(Fault::Gone);
    assert_eq!(answer(&proxy).await, (0, Some(Err(ErrorKind::ConnectionReset))));
}

#[tokio::test]
async fn fault_of_one_connection_leaves_the_others_alone() {
    let proxy = proxy().await;
    assert_eq!(answer(&proxy).await, (10, None));
    proxy.set_on(1, Fault::CloseAnswerAt(0));
    assert_eq!(answer(&proxy).await, (10, None));
    assert!(!proxy.has_happened());
    assert_eq!(answer(&proxy).await, (0, Some(Ok(()))));
    assert_eq!(answer(&proxy).await, (10, None));
}
