//! One upload by one process. Prints how many seconds it took and the most memory the process ever held, in KiB.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    time::Instant,
};

use embedded_io_async::{ErrorType, Read};
use printhost::{
    AnyHost, HyperNet, Net, PrintHost, PrinterUrl, Upload, Uploaded, Verified,
    net_tokio::{FromTokio, PortableNet},
};
use tokio::{fs::File, runtime::Runtime};

use crate::Result;

/// `url` is `127.0.0.1:port`.
pub(crate) fn run(kind: &str, len: &str, url: &str, name: &str, file: &str) -> Result {
    let len: u64 = len.parse()?;
    let seconds = match kind {
        "raw" => raw(len, url, name)?,
        _ => Runtime::new()?.block_on(ours(kind, len, url, name, file))?,
    };
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.split_once("VmHWM:").and_then(|(_, rest)| rest.split_whitespace().next());
    println!("{seconds:.6} {}", peak.ok_or("no VmHWM")?);
    Ok(())
}

async fn ours(kind: &str, len: u64, url: &str, name: &str, file: &str) -> Result<f64> {
    let url: PrinterUrl = format!("octoprint://{url}").parse()?;
    let mut body = FromTokio::new(File::open(file).await?);
    let started = Instant::now();
    let done = match kind {
        "hyper" => upload(HyperNet::new(), &url, Upload::new(name, len, &mut body).verify_size_only()).await,
        "portable" => {
            upload(PortableNet::new(), &url, Upload::new(name, len, &mut body).verify_size_only()).await
        }
        "sha1" => upload(HyperNet::new(), &url, Upload::new(name, len, &mut body)).await,
        // Two that do it wrong: what holds the whole file, and what moves it in small pieces.
        "naive" => {
            let mut whole = vec![0; usize::try_from(len)?];
            std::fs::File::open(file)?.read_exact(&mut whole)?;
            upload(HyperNet::new(), &url, Upload::new(name, len, &mut &whole[..]).verify_size_only()).await
        }
        "pieces" => {
            let mut body = Pieces(body);
            upload(HyperNet::new(), &url, Upload::new(name, len, &mut body).verify_size_only()).await
        }
        _ => return Err("no such client".into()),
    }?;
    let seconds = started.elapsed().as_secs_f64();
    if done.len != len || done.verified != Verified::Size {
        return Err(format!("not stored as sent: {done:?}").into());
    }
    Ok(seconds)
}

async fn upload<N: Net, R: Read + ?Sized>(
    net: N,
    url: &PrinterUrl,
    upload: Upload<'_, R>,
) -> printhost::Result<Uploaded> {
    AnyHost::new(net, url, "key").upload(upload).await
}

/// Reads 1 KiB at a time.
struct Pieces<R>(R);

impl<R: ErrorType> ErrorType for Pieces<R> {
    type Error = R::Error;
}

impl<R: Read> Read for Pieces<R> {
    async fn read(&mut self, buf: &mut [u8]) -> std::result::Result<usize, R::Error> {
        let most = buf.len().min(1024);
        self.0.read(&mut buf[..most]).await
    }
}

/// Writes the same bytes again and again, from no file: as fast as the sink can take them.
fn raw(len: u64, url: &str, name: &str) -> Result<f64> {
    let buf = vec![0x5a; 1 << 20];
    let started = Instant::now();
    let mut stream = TcpStream::connect(url)?;
    write!(stream, "PUT /{name} HTTP/1.1\r\nHost: {url}\r\nContent-Length: {len}\r\n\r\n")?;
    let mut left = len;
    while left > 0 {
        let most = buf.len().min(usize::try_from(left)?);
        stream.write_all(&buf[..most])?;
        left -= most as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.starts_with("HTTP/1.1 201 ") {
        true => Ok(started.elapsed().as_secs_f64()),
        false => Err(format!("the sink refused: {answer}").into()),
    }
}
