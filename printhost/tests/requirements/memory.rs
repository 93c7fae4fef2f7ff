use embedded_io_async::{Read as _, Write as _};
use printhost::{
    PrintHost, Upload,
    net::{Dial as _, HttpBackend, Origin},
};

use super::{
    drivers::Driver,
    harness::Zeros,
    link::{Link, LinkConn, LinkNet, net},
};
use crate::HEAP;

over_both!(upload_of_1_gib_grows_memory_by_at_most_2_mib);

const MIB: usize = 1 << 20;
const MOST: usize = 2 * MIB;

/// Reading the whole file before sending it costs a computer a gigabyte for a large file, and a small machine
/// everything: OrcaSlicer/OrcaSlicer#1915 (110 MB held, and a processor at full load). Here a file is never held.
///
/// Counted is what is allocated at the peak, without what the link and the server take, which share this process: that
/// is measured by sending as many bytes by hand. The memory of whole processes, and of one that hashes what it
/// sends, is measured by `cargo xtask bench`: hashing 1 GiB takes an unoptimised build too long.
///
/// The control reads the whole file first, and grows by its size.
async fn upload_of_1_gib_grows_memory_by_at_most_2_mib<H: HttpBackend<LinkConn> + Clone>(http: H) {
    for driver in Driver::ALL {
        let len = 1 << 30;
        let fast = net(http.clone(), Link::default(), driver.takes(len));
        let grown = peak(async {
            let mut zeros = Zeros;
            let upload = Upload::new("x.gcode", len, &mut zeros).verify_size_only();
            assert_eq!(driver.host(&fast, "printer").upload(upload).await.unwrap().len, len);
        })
        .await;
        assert!(fast.dialer().carried() > len);
        let by_hand = net(http.clone(), Link::default(), driver.takes(len));
        let surroundings = peak(send_by_hand(driver, &by_hand)).await;
        assert!((1..MIB / 2).contains(&surroundings), "{surroundings} bytes");
        let grown = grown - surroundings;
        println!("{grown} bytes beside {surroundings}");
        assert!(grown <= MOST, "{grown} bytes");

        let len = 64 * MIB;
        let fast = net(http.clone(), Link::default(), driver.takes(len as u64));
        let grown = peak(async {
            let whole = vec![0; len];
            let mut body = &whole[..];
            let upload = Upload::new("x.gcode", len as u64, &mut body).verify_size_only();
            driver.host(&fast, "printer").upload(upload).await.unwrap();
        })
        .await;
        assert!((len..len + 2 * MOST).contains(&grown), "{grown} bytes");
    }
}

/// The most that is allocated while something is done.
async fn peak(work: impl Future<Output = ()>) -> usize {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    work.await;
    HEAP.peak_usage().saturating_sub(before)
}

/// A request and 16 MiB, from a few bytes.
async fn send_by_hand<H: HttpBackend<LinkConn>>(driver: Driver, net: &LinkNet<H>) {
    static PIECE: [u8; 4096] = [0; 4096];
    let mut conn = net.dialer().dial(&Origin::http("printer", 80)).await.unwrap();
    let head = format!("{} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", driver.upload().trim_end(), 16 * MIB);
    conn.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..16 * MIB / PIECE.len() {
        conn.write_all(&PIECE).await.unwrap();
    }
    let mut answer = [0; 12];
    conn.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 201");
}
