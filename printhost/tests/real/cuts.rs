use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use embedded_io_async::{ErrorType, Read};
use printhost::{
    AnyHost, Error, ErrorKind, HyperNet, PrintHost, Result, Retry, Upload, Uploaded, Verified,
    net::{Http1, Limits, Net},
    net_tokio::{Hyper, PortableNet, TokioDial},
};
use serde_json::Value;
use sha1::{Digest, Sha1};

use super::{
    fault_proxy::{Fault, FaultProxy},
    peer::{Peer, hex},
};

/// How many, unless `PRINTHOST_OCTOPRINT_CUTS` says otherwise; up to [`SETTLED`] memory is not measured.
const ROUNDS: u64 = 200;
/// From this round on the process should not grow.
const SETTLED: u64 = 50;
/// A different number gives different cuts.
const SEED: u64 = 0x5eed_0000_0000_0001;
/// The longest a round may take, by far.
const SOON: Duration = Duration::from_secs(20);
const LARGEST: usize = 2 << 20;
/// What the process may grow by between round [`SETTLED`] and the last one, in KiB: the C library's heaps, of which
/// each thread has its own, do not all give back what is freed. 150 uploads of 0.6 MiB on average stand against it.
const GROWTH: u64 = 4 << 10;

const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n\
                            {\"error\":\"who are you? :-(\"}";
const TOO_LARGE: &str = "HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain\r\nConnection: close\r\n\
                         Content-Length: 9\r\n\r\ntoo large";
const BARE: &str = "HTTP/1.1 400 Bad Request\r\n\r\n";

/// What happens in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Network(Fault),
    /// The future is dropped after so many polls.
    DroppedAtPoll,
    /// The future is dropped when so many bytes have been read from the source.
    DroppedAtByte,
}

const EVENTS: [(&str, Event); 13] = [
    ("nothing", Event::Network(Fault::None)),
    ("reset", Event::Network(Fault::Reset)),
    ("closed", Event::Network(Fault::Close)),
    ("stalled", Event::Network(Fault::Stall)),
    ("401, then closed", Event::Network(Fault::Answer(UNAUTHORIZED))),
    ("401, goes on reading", Event::Network(Fault::AnswerAndRead(UNAUTHORIZED))),
    ("413, then closed", Event::Network(Fault::Answer(TOO_LARGE))),
    ("413, goes on reading", Event::Network(Fault::AnswerAndRead(TOO_LARGE))),
    ("bare 400, then closed", Event::Network(Fault::Answer(BARE))),
    ("answer lost", Event::Network(Fault::LoseAnswer)),
    ("reset at the end", Event::Network(Fault::CutAtEnd)),
    ("dropped at a poll", Event::DroppedAtPoll),
    ("dropped at a byte", Event::DroppedAtByte),
];

/// splitmix64
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// The source of an upload: counts what was taken.
struct Source<'a> {
    rest: &'a [u8],
    taken: &'a std::cell::Cell<usize>,
}

impl ErrorType for Source<'_> {
    type Error = Infallible;
}

impl Read for Source<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let n = self.rest.read(buf).await?;
        self.taken.set(self.taken.get() + n);
        Ok(n)
    }
}

/// Polls a future until it is done, or drops it when told to.
async fn dropped_when<T>(work: impl Future<Output = T>, mut now: impl FnMut() -> bool) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if now() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What the host lists in a folder: name, size, SHA-1.
///
/// OctoPrint 1.11.8 forgets the hash of a file that is asked for while it is being stored, as happens after a cut;
/// the hash is then that of a download by curl.
fn listed(peer: &Peer, folder: &str) -> BTreeMap<String, (u64, String)> {
    let (status, listing) = peer.curl(&format!("/api/files/local/{folder}?recursive=true"));
    if status == 404 {
        return BTreeMap::new();
    }
    assert_eq!(status, 200, "{listing}");
    let entry = |file: &Value| {
        let name = file["name"].as_str().unwrap().to_owned();
        let hash = file["hash"].as_str().map(str::to_owned).unwrap_or_else(|| {
            hex(&Sha1::digest(peer.curl_bytes(&[], &format!("/downloads/files/local/{folder}/{name}")).1))
        });
        (name, (file["size"].as_u64().unwrap(), hash))
    };
    listing["children"].as_array().unwrap().iter().map(entry).collect()
}

/// What must be true of the result of an upload.
fn judge(name: &str, event: Event, result: &Result<Uploaded>, verified: Verified, is_whole: bool) {
    let Event::Network(fault) = event else { panic!("{name}: nobody drops here") };
    let error = match result {
        Ok(uploaded) => {
            assert_eq!(uploaded.verified, verified, "{name}");
            assert!(is_whole, "{name}: succeeds although the host does not have everything");
            return;
        }
        Err(error) => error,
    };
    let (kind, status, retry) = (error.kind(), error.http_status(), error.retry());
    let unconfirmed = kind == ErrorKind::Unconfirmed && retry == Retry::ReadFirst;
    let right = match fault {
        Fault::None | Fault::LoseAnswer => false,
        Fault::Reset | Fault::Close => unconfirmed || (kind, retry) == (ErrorKind::Disconnected, Retry::Safe),
        Fault::Stall => unconfirmed || (kind, retry) == (ErrorKind::Timeout, Retry::Safe),
        Fault::Answer(UNAUTHORIZED) | Fault::AnswerAndRead(UNAUTHORIZED) => {
            (kind, status, retry) == (ErrorKind::Unauthorized, Some(401), Retry::Never)
        }
        Fault::Answer(TOO_LARGE) | Fault::AnswerAndRead(TOO_LARGE) => {
            (kind, status, retry) == (ErrorKind::TooLarge, Some(413), Retry::Never)
                && error.detail() == Some("too large")
        }
        Fault::Answer(_) | Fault::AnswerAndRead(_) => {
            (kind, status, retry) == (ErrorKind::TooLarge, Some(400), Retry::Never)
        }
        Fault::CutAtEnd => unconfirmed,
    };
    assert!(right, "{name}: {error:?}");
}

async fn cut_at_every_kind_of_point<N: Net>(net: impl Fn(Limits) -> N, back_end: &str) {
    let peer = Peer::from_environment();
    let proxy = FaultProxy::start(peer.url.base().origin.authority().to_string()).await;
    let url = format!("octoprint://{}", proxy.address).parse().unwrap();
    let mut quick = Limits::HOST;
    (quick.stall, quick.answer) = (Duration::from_millis(800), Duration::from_millis(800));
    let mut usual = Limits::HOST;
    (usual.stall, usual.answer) = (SOON / 2, SOON / 2);
    let quick = AnyHost::new(net(quick), &url, peer.key.as_str());
    let usual = AnyHost::new(net(usual), &url, peer.key.as_str());
    usual.connect().await.unwrap();
    // It may take longer than these limits.
    let connecting = async {
        while let Err(error) = quick.connect().await {
            assert_eq!((error.kind(), error.retry()), (ErrorKind::Timeout, Retry::Safe), "{error}");
        }
    };
    tokio::time::timeout(SOON, connecting).await.expect("it never connects");

    let folder = format!("cuts-{}-{back_end}", std::process::id());
    let mut buffer = vec![0; LARGEST];
    let mut table: BTreeMap<(usize, String), u32> = BTreeMap::new();
    // What may be listed: only what the host was sent whole.
    let mut allowed = BTreeMap::new();
    let mut must = Vec::new();
    let (mut settled, mut slow, mut longest) = (0, 0, Duration::ZERO);
    let rounds = std::env::var("PRINTHOST_OCTOPRINT_CUTS").map_or(ROUNDS, |n| n.parse().expect("a number"));
    for round in 0..rounds {
        let seed = SEED ^ round.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let mut random = Random(seed);
        let which = (round % EVENTS.len() as u64) as usize;
        let (what, event) = EVENTS[which];
        let name = format!("{back_end}, round {round}, seed {seed:#x}: {what}");
        // Half of them of any size, half of any magnitude; small ones fit into one write.
        let magnitude = if round % 2 == 0 { 21 } else { 10 + random.below(12) };
        let len = 1024 + random.below(1 << magnitude) as usize;
        let content = &mut buffer[..len.min(LARGEST)];
        content.chunks_mut(8).for_each(|c| c.copy_from_slice(&random.next().to_le_bytes()[..c.len()]));
        let sha1: [u8; 20] = Sha1::digest(&*content).into();
        let file = format!("{round}.gcode");
        let path = format!("{folder}/{file}");
        let taken = std::cell::Cell::new(0);
        let mut source = Source { rest: content, taken: &taken };
        let upload = Upload::new(&path, content.len() as u64, &mut source);

        let begun = Instant::now();
        let part = random.part();
        proxy.arm(if let Event::Network(fault) = event { fault } else { Fault::None }, part);
        let host = if event == Event::Network(Fault::Stall) { &quick } else { &usual };
        let mut polls = 0;
        let last_poll = 1 + random.below(4);
        let last_byte = (content.len() as f64 * part) as usize;
        let work = dropped_when(host.upload(upload), || {
            polls += 1;
            match event {
                Event::Network(_) => false,
                Event::DroppedAtPoll => polls >= last_poll,
                Event::DroppedAtByte => taken.get() > last_byte,
            }
        });
        let result = tokio::time::timeout(SOON, work).await.unwrap_or_else(|_| panic!("{name}: hangs"));
        longest = longest.max(begun.elapsed());
        let passage = proxy.passage();

        let outcome = match &result {
            None => "dropped".to_owned(),
            Some(Ok(_)) => "stored".to_owned(),
            Some(Err(error)) => format!("{:?}", error.kind()),
        };
        *table.entry((which, outcome)).or_default() += 1;
        match (&result, event) {
            // A busy host was slower than these limits before anything was cut.
            (Some(Err(error)), Event::Network(Fault::Stall))
                if !passage.fired && (error.kind(), error.retry()) == (ErrorKind::Timeout, Retry::Safe) =>
            {
                slow += 1;
            }
            (Some(result), Event::Network(fault)) => {
                assert_eq!(passage.fired, fault != Fault::None, "{name}: {passage:?}");
                judge(&name, event, result, peer.verifies(sha1), passage.is_whole());
            }
            // It was over before.
            (Some(result), _) => assert!(result.is_ok(), "{name}: {result:?}"),
            (None, _) => {}
        }
        if let Some(Ok(_)) = result {
            assert_eq!(
                listed(&peer, &folder).get(&file),
                Some(&(content.len() as u64, hex(&sha1))),
                "{name}: what the host lists"
            );
            must.push(file.clone());
        }
        // The bytes of a dropped upload that the system already has may still arrive.
        if passage.is_whole() || result.is_none() && taken.get() == content.len() {
            allowed.insert(file, (content.len() as u64, hex(&sha1)));
        } else {
            assert_eq!(listed(&peer, &folder).get(&file), None, "{name}: is listed; {passage:?}");
        }
        if round == SETTLED {
            settled = resident_kib();
        }
    }
    let grown = (rounds > SETTLED).then(|| resident_kib().saturating_sub(settled));

    println!("{rounds} cuts over {back_end}; the longest took {longest:?}; grown by {grown:?} KiB");
    for ((which, outcome), count) in &table {
        println!("  {:22} {outcome:14} {count:3}", EVENTS[*which].0);
    }
    // Whatever was cut has had time to show.
    let end = listed(&peer, &folder);
    for (file, found) in &end {
        assert_eq!(Some(found), allowed.get(file), "{back_end}: {file} is not what was sent whole");
    }
    for file in &must {
        assert!(end.contains_key(file), "{back_end}: {file} is gone");
    }
    for (which, (what, event)) in EVENTS.iter().enumerate() {
        let of = |outcome: &str| table.get(&(which, outcome.to_owned())).copied().unwrap_or_default();
        let times: u32 = table.iter().filter(|((w, _), _)| *w == which).map(|(_, n)| n).sum();
        assert!(u64::from(times) >= rounds / EVENTS.len() as u64, "{what} happens {times} times");
        match event {
            Event::Network(Fault::None | Fault::LoseAnswer) => assert_eq!(of("stored"), times, "{what}"),
            Event::Network(Fault::Stall) => {
                assert!(slow <= times / 2, "{slow} of {times} were too slow to be cut");
            }
            Event::DroppedAtPoll | Event::DroppedAtByte => assert!(of("dropped") >= times / 3, "{what}"),
            _ => {}
        }
    }
    assert!(grown.is_none_or(|kib| kib <= GROWTH), "grown by {grown:?} KiB");
    let (status, _) = peer.curl_with(&["--request", "DELETE"], &format!("/api/files/local/{folder}"));
    assert_eq!(status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_upload_is_never_listed_and_always_classified_over_hyper() {
    let net = |limits| HyperNet::build(TokioDial::plain(), Hyper::default(), limits);
    cut_at_every_kind_of_point(net, "hyper").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_upload_is_never_listed_and_always_classified_over_the_portable_client() {
    let net = |limits| PortableNet::build(TokioDial::plain(), Http1::HOST, limits);
    cut_at_every_kind_of_point(net, "portable").await;
}

/// An endless file.
struct Zeros;

impl ErrorType for Zeros {
    type Error = Infallible;
}

impl Read for Zeros {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        buf.fill(0);
        Ok(buf.len())
    }
}

/// OctoPrint's `maxSize` is 2 GiB here; it refuses by the length alone, and closes while we are writing.
async fn refused_for_its_size<N: Net>(net: N, name: &str) {
    let peer = Peer::from_environment();
    let host = peer.host(net);
    for round in 0..20 {
        let begun = Instant::now();
        let path = format!("huge-{name}-{round}.gcode");
        let error: Error = host.upload(Upload::new(&path, 3 << 30, &mut Zeros)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.http_status(), error.retry()),
            (ErrorKind::TooLarge, Some(400), Retry::Never),
            "round {round}: {error:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5), "round {round} takes {:?}", begun.elapsed());
        assert_eq!(peer.stored(&path), None);
    }
}

#[tokio::test]
async fn octoprints_own_early_refusal_of_a_size_is_reported_over_hyper() {
    refused_for_its_size(HyperNet::new(), "hyper").await;
}

#[tokio::test]
async fn octoprints_own_early_refusal_of_a_size_is_reported_over_the_portable_client() {
    refused_for_its_size(PortableNet::new(), "portable").await;
}
