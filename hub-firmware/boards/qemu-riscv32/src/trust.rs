//! Whom the board trusts, for `cargo xtask qemu`: the lines `try=NAME URL pin:BASE64` (or `ca:BASE64`, or `roots`, or
//! `device:SERIAL:AUTHORITIES`, where a line `authorities=NAME BASE64` has these) are connected to; `SECONDS` since 1970
//! behind that are the time that the board then knows, and `only12` asks for TLS 1.2. Of `key=NAME URL` the key is shown.
//! With `idle=NAME URL pin:BASE64` a connection is held until the peer ends it. With `secure=NAME URL device:…` one is
//! opened, and another one encrypted afterwards, by which the server is asked for something. What each came to is printed.
//! `hold=BYTES` is that much less heap.

use alloc::{format, string::String, vec::Vec};
use core::{
    hint::black_box,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use embassy_time::{Instant, Timer};
use embedded_io_async::{Read as _, Write as _};
use printhost::{
    Entropy, Error, ErrorKind, Result as HubResult,
    net::{BaseUrl, Conn as _, Dial as _, Origin, TlsVersions, Trust},
};
use printhost_net_embassy::{ConnError, EmbassyNet, Tls};

use crate::{config::Config, console::println, heap};

/// Goes through the lines.
pub(crate) async fn run<const N: usize, E: Entropy>(
    net: &EmbassyNet<'_, '_, N, E>,
    config: Config,
) -> Result<(), String> {
    let hold = config.get("hold").and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
    let _held = black_box(Vec::<u8>::with_capacity(hold));
    for line in config.all("try") {
        let [name, url, trust] = words(line)?;
        let mut origin = base(url)?.with_trust(trusting(trust, config)?).origin;
        let more = line.split(' ').nth(3).unwrap_or_default();
        if more == "only12" {
            origin = origin.with_versions(TlsVersions::Only12);
        }
        TIME.store(more.parse().unwrap_or(0), Relaxed);
        let (before, started) = (heap::used(), Instant::now());
        heap::reset_peak();
        let result = net.dial(&origin).await;
        let (held, peak, millis) =
            (heap::used() - before, heap::peak() - before, started.elapsed().as_millis());
        let (open, beside) = (Tls::memory(origin.versions), Tls::BESIDE);
        if result.is_ok() && held > open + beside / 2
            || peak > open + beside + Tls::opening_memory(&origin.trust, origin.versions)
        {
            return Err(format!("{name} took {peak} bytes of heap, and then {held}"));
        }
        print(name, result.map(|_| format!("connected\theap {held}, at most {peak}\t{millis} ms")));
    }
    for line in config.all("key") {
        let [name, url] = words(line)?;
        let key = net.dialer().peer_key(&base(url)?.origin).await;
        print(name, key.map(|key| format!("key\t{}", STANDARD.encode(key))));
    }
    for line in config.all("idle") {
        let [name, url, trust] = words(line)?;
        let held = held(net, &base(url)?.with_trust(trusting(trust, config)?).origin).await;
        print(name, held.map(String::from));
    }
    for line in config.all("secure") {
        let [name, url, trust] = words(line)?;
        print(name, secured(net, &base(url)?.with_trust(trusting(trust, config)?).origin).await);
    }
    Ok(())
}

/// Looks at an idle connection, as the network does before it uses one again, until the peer has ended it; then it must
/// tell that end as often as asked.
async fn held<const N: usize, E: Entropy>(
    net: &EmbassyNet<'_, '_, N, E>,
    origin: &Origin,
) -> HubResult<&'static str> {
    let mut conn = net.dial(origin).await?;
    while conn.is_quiet() {
        Timer::after_millis(10).await;
    }
    let mut byte = [0];
    let ends = [conn.read(&mut byte).await, conn.read(&mut byte).await];
    Ok(if ends == [Ok(0), Ok(0)] { "ended" } else { "cut" })
}

/// Encrypts an open connection as the first one, which stays open meanwhile, and has the server answer on it.
async fn secured<const N: usize, E: Entropy>(
    net: &EmbassyNet<'_, '_, N, E>,
    origin: &Origin,
) -> HubResult<String> {
    let _control = net.dial(origin).await?;
    let plain = net.dial(&Origin::http(origin.host.clone(), origin.port)).await?;
    let mut conn = net.dialer().secure(plain, origin).await?;
    let broken = |error: ConnError| Error::new(ErrorKind::Disconnected, "connect").with_detail(error);
    conn.write_all(b"GET / HTTP/1.0\r\n\r\n").await.map_err(broken)?;
    conn.flush().await.map_err(broken)?;
    let mut answer = [0; 8];
    conn.read_exact(&mut answer).await.map_err(|_| Error::new(ErrorKind::Disconnected, "connect"))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// What [`Tls::with_time`] is told, in seconds; 0 is nothing.
static TIME: AtomicU32 = AtomicU32::new(0);

/// The time that the last line has told.
pub(crate) fn time() -> Option<Duration> {
    let seconds = TIME.load(Relaxed);
    (seconds != 0).then(|| Duration::from_secs(seconds.into()))
}

fn trusting(words: &str, config: Config) -> Result<Trust, String> {
    Ok(match words.split_once(':') {
        Some(("device", device)) => {
            let (serial, name) = device.split_once(':').ok_or("no authorities")?;
            let given = config.all("authorities").find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let authorities = base64(given.ok_or("no such authorities")?)?;
            Trust::Device { authorities, name: serial.into() }
        }
        Some(("pin", hash)) => Trust::PinnedKey(base64(hash)?.try_into().map_err(|_| "no SHA-256")?),
        Some(("ca", certificate)) => Trust::Ca(base64(certificate)?),
        _ => Trust::PublicRoots,
    })
}

fn print(name: &str, result: HubResult<String>) {
    match result {
        Ok(words) => println!("case\t{name}\t{words}"),
        Err(error) => println!("case\t{name}\t{}\t{error}", error.kind().name()),
    }
}

fn words<const N: usize>(line: &str) -> Result<[&str; N], String> {
    let mut words = line.split(' ');
    let mut wanted = [""; N];
    for word in &mut wanted {
        *word = words.next().ok_or_else(|| format!("{line:?} is too short"))?;
    }
    Ok(wanted)
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| format!("{text:?} is no base64"))
}

fn base(url: &str) -> Result<BaseUrl, String> {
    BaseUrl::parse(url).map_err(|error| format!("{url}: {error}"))
}
