//! Whom the board trusts, for `cargo xtask qemu`: the lines `try=NAME URL pin:BASE64` (or `ca:BASE64`, or `roots`)
//! are connected to, and of `key=NAME URL` the key is shown. With `idle=NAME URL pin:BASE64` a connection is held until
//! the peer ends it. What each came to is printed. `hold=BYTES` is that much less heap.

use alloc::{format, string::String, vec::Vec};
use core::hint::black_box;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use embassy_time::{Instant, Timer};
use embedded_io_async::Read as _;
use printhost::{
    Entropy, Result as HubResult,
    net::{BaseUrl, Conn as _, Origin, Trust},
};
use printhost_net_embassy::{EmbassyNet, Tls};

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
        let origin = base(url)?.with_trust(trusting(trust)?).origin;
        let (before, started) = (heap::used(), Instant::now());
        heap::reset_peak();
        let result = net.dial(&origin).await;
        let (held, peak, millis) =
            (heap::used() - before, heap::peak() - before, started.elapsed().as_millis());
        let open = Tls::memory(&origin.trust);
        if result.is_ok() && held > open + Tls::BESIDE / 2 || peak > open + Tls::BESIDE {
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
        let held = held(net, &base(url)?.with_trust(trusting(trust)?).origin).await;
        print(name, held.map(String::from));
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

fn trusting(words: &str) -> Result<Trust, String> {
    Ok(match words.split_once(':') {
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
