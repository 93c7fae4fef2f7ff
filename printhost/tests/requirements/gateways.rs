use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use futures::future::join_all;
use printhost::{
    ErrorKind, PrintHost, Result, Retry, Upload, Uploaded,
    net::HttpBackend,
    net_tokio::{TokioConn, TokioDial},
};
use printhost_sim::{MoonrakerConfig, MoonrakerSim, PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    drivers::{Driver, Sim},
    harness::{Zeros, net},
};

over_both!(
    refusal_of_a_proxy_is_typed_and_its_timeout_is_settled_by_looking,
    full_disk_is_told_from_other_failures_and_no_part_of_the_file_stays,
);

const LEN: u64 = 300_000;

/// What a proxy in front of a printer does with an upload.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Passes it on.
    Open,
    /// Answers with this status when it has read the head.
    Refuses(u16),
    /// Passes all of it on, and answers with this status whatever the printer's host says.
    GivesUp(u16),
    /// Reads all of it, passes nothing on, and answers with this status.
    Loses(u16),
}

/// A large file failed at Moonraker's usual proxy as 413, 502 or 504, and programs said "upload failed" to all of them,
/// although after a 504 the file was often there: Arksine/moonraker#598, mainsail-crew/mainsail#271,
/// Guilouz/Creality-Helper-Script-Wiki#24. Here a limit is [`ErrorKind::TooLarge`], a full disk
/// [`ErrorKind::StorageFull`]; after a timeout the driver looks, and what is there is a success. Nothing is sent twice.
///
/// Each manner is the control of the others: with the same status the file is there once, and once it is not.
async fn refusal_of_a_proxy_is_typed_and_its_timeout_is_settled_by_looking<
    H: HttpBackend<TokioConn> + Clone,
>(
    http: H,
) {
    use ErrorKind::{StorageFull, TooLarge, Unconfirmed};
    let failures = [
        (Manner::Refuses(413), TooLarge, Retry::Never),
        (Manner::Refuses(507), StorageFull, Retry::Never),
        (Manner::Loses(504), Unconfirmed, Retry::ReadFirst),
        (Manner::Loses(408), Unconfirmed, Retry::ReadFirst),
    ];
    let successes = [Manner::Open, Manner::GivesUp(504), Manner::GivesUp(502), Manner::GivesUp(408)];
    let mut cases = Vec::new();
    for driver in Driver::ALL {
        for (manner, kind, retry) in failures {
            cases.push((driver, manner, Some((kind, retry))));
        }
        cases.extend(successes.map(|manner| (driver, manner, None)));
    }
    join_all(cases.into_iter().map(|(driver, manner, expected)| {
        let http = http.clone();
        async move {
            let sim = driver.sim(1.0).await;
            let gateway = Gateway::start(driver, &sim, manner).await;
            let host = driver.host(net(TokioDial::plain(), http), &gateway.address);
            let told = send(&host).await;
            let name = format!("{driver:?} {manner:?}");
            assert_eq!(gateway.uploads.load(Relaxed), 1, "{name}: {told:?}");
            let files = sim.files();
            match (expected, told) {
                (None, Ok(done)) => {
                    assert_eq!((files.len(), files[0].size, done.len), (1, LEN, LEN), "{name}");
                }
                (Some((kind, retry)), Err(e)) => {
                    assert_eq!((e.kind(), e.retry()), (kind, retry), "{name}: {e}");
                    assert_eq!(files, [], "{name}");
                }
                (_, told) => panic!("{name}: {told:?}"),
            }
        }
    }))
    .await;
}

/// "Upload failed" was also all that was said of a full disk. Here it is [`ErrorKind::StorageFull`], also of a Moonraker,
/// which says of it what it says of any failure and leaves the part that fitted where it can be printed: that is taken off
/// again.
///
/// The controls are hosts with room; and a Moonraker that is sent the file by hand, where the part stays.
async fn full_disk_is_told_from_other_failures_and_no_part_of_the_file_stays<
    H: HttpBackend<TokioConn> + Clone,
>(
    http: H,
) {
    for (room, is_full) in [(LEN / 3, true), (2 * LEN, false)] {
        let firmware = PrusaLinkConfig::new(PrusaLinkFamily::Buddy).room(room);
        for (driver, sim) in [
            (Driver::PrusaLinkFirmware, Sim::PrusaLink(PrusaLinkSim::start(firmware).await.unwrap())),
            (Driver::Moonraker, Sim::Moonraker(moonraker(room).await)),
        ] {
            let told = send(&driver.host(net(TokioDial::plain(), http.clone()), sim.addr())).await;
            match is_full {
                true => {
                    assert_eq!(told.unwrap_err().kind(), ErrorKind::StorageFull, "{driver:?}");
                    assert_eq!(sim.files(), [], "{driver:?}");
                }
                false => assert_eq!((told.unwrap().len, sim.files()[0].size), (LEN, LEN), "{driver:?}"),
            }
            let sent = |r: &printhost_sim::Request| {
                driver.upload().starts_with(&r.method)
                    && driver.upload().contains(r.path.trim_end_matches("x.gcode"))
            };
            assert_eq!(sim.requests().iter().filter(|r| sent(r)).count(), 1, "{driver:?}");
        }
    }

    let full = Sim::Moonraker(moonraker(LEN / 3).await);
    let mut stream = TcpStream::connect(full.addr()).await.unwrap();
    let part = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.gcode\"\r\n\r\n";
    let head = format!(
        "POST /server/files/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n{part}",
        Driver::Moonraker.key(),
        part.len() as u64 + LEN + 9,
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'\n'; LEN as usize]).await.unwrap();
    stream.write_all(b"\r\n--b--\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    let part = full.files().iter().map(|file| (file.path.clone(), file.size)).collect::<Vec<_>>();
    assert!(matches!(&part[..], [(path, 1..LEN)] if path == "x.gcode"), "{part:?}");
}

async fn moonraker(room: u64) -> MoonrakerSim {
    // Its own files take some, too.
    MoonrakerSim::start(MoonrakerConfig::default().room(room + 1000)).await.unwrap()
}

async fn send(host: &impl PrintHost) -> Result<Uploaded> {
    host.upload(Upload::new("x.gcode", LEN, &mut Zeros)).await
}

/// A proxy that gives every request a connection of its own.
struct Gateway {
    address: String,
    uploads: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Gateway {
    async fn start(driver: Driver, sim: &Sim, manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, to) = (listener.local_addr().unwrap().to_string(), sim.addr());
        let uploads = Arc::new(AtomicUsize::new(0));
        let (mut tasks, counted) = (JoinSet::new(), uploads.clone());
        tasks.spawn(async move {
            let connections = Mutex::new(JoinSet::new());
            while let Ok((client, _)) = listener.accept().await {
                let counted = counted.clone();
                connections.lock().unwrap().spawn(async move {
                    let server = TcpStream::connect(to).await.unwrap();
                    let _ = serve(driver, manner, client, server, &counted).await;
                });
            }
        });
        Self { address, uploads, _tasks: tasks }
    }
}

async fn serve(
    driver: Driver,
    manner: Manner,
    mut client: TcpStream,
    mut server: TcpStream,
    uploads: &AtomicUsize,
) -> std::io::Result<()> {
    let mut inbox = Vec::new();
    let end = loop {
        if let Some(at) = inbox.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
        if client.read_buf(&mut inbox).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&inbox[..end]).into_owned();
    let begun = inbox.split_off(end);
    let closing = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let is_upload = head.starts_with(driver.upload());
    uploads.fetch_add(usize::from(is_upload), Relaxed);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let left = length.unwrap_or(0).saturating_sub(begun.len()) as u64;
    let manner = if is_upload { manner } else { Manner::Open };
    match manner {
        Manner::Open => {
            server.write_all(closing.as_bytes()).await?;
            server.write_all(&begun).await?;
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Manner::Refuses(status) => refuse(&mut client, status).await?,
        Manner::GivesUp(status) => {
            server.write_all(closing.as_bytes()).await?;
            server.write_all(&begun).await?;
            let (mut body, mut answer) = ((&mut client).take(left), Vec::new());
            tokio::io::copy(&mut body, &mut server).await?;
            server.read_to_end(&mut answer).await?;
            assert!(answer.starts_with(b"HTTP/1.1 201"), "{}", String::from_utf8_lossy(&answer));
            refuse(&mut client, status).await?;
        }
        Manner::Loses(status) => {
            tokio::io::copy(&mut (&mut client).take(left), &mut tokio::io::sink()).await?;
            refuse(&mut client, status).await?;
        }
    }
    Ok(())
}

/// As nginx words it; then it listens until the client is done, so that the answer is not lost.
async fn refuse(client: &mut TcpStream, status: u16) -> std::io::Result<()> {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    let answer = format!(
        "HTTP/1.1 {status} X\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await?;
    tokio::io::copy(client, &mut tokio::io::sink()).await?;
    Ok(())
}
