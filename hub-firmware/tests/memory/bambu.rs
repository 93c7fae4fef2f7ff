//! The same of a Bambu Lab printer. Its connections are plain here, so that what is counted is the driver's: what TLS takes
//! is declared by the platform, and measured in the emulator.

use std::time::Duration;

use printhost::{
    AnyHost, PrinterUrl, Result, Trust,
    net::{BaseUrl, Dial, Http1, Origin, Parts},
};
use printhost_net_tokio::{OsEntropy, TokioClock, TokioDial};
use printhost_testkit::runner::{Greed, Speaks};

use crate::{Measured, Server, TOKIO, alone, limits, relayed};

/// Of a printer that there is not.
pub(crate) const SERIAL: &str = "01P00A000000001";

/// How long a relay may go on here: its connection is made anew once.
const LONGEST: Duration = Duration::from_secs(60);

/// Leaves encryption out.
struct Plain(TokioDial);

impl Dial for Plain {
    type Conn = <TokioDial as Dial>::Conn;

    async fn dial(&self, to: &Origin) -> Result<Self::Conn> {
        self.0.dial(&Origin::http(to.host.clone(), to.port)).await
    }

    async fn secure(&self, conn: Self::Conn, _: &Origin) -> Result<Self::Conn> {
        Ok(conn)
    }
}

async fn measured(greed: Greed) -> Measured {
    let printer = Server::bambu(greed);
    let server = Server::start(Speaks::OctoPrint, Greed::Padding);
    let source = BaseUrl::parse(&format!("http://{}", server.address)).unwrap();
    let (mqtt, ftp) = printer.address.split_once(' ').unwrap();
    let url = format!("bambu://127.0.0.1:{mqtt}?serial={SERIAL}&ftps={ftp}");
    let url = url.parse::<PrinterUrl>().unwrap().with_trust(Trust::PinnedKey([0; 32]));
    let dial = Plain(TokioDial::plain());
    let net = Parts::new(dial, Http1::DEVICE, TokioClock::default(), OsEntropy::default(), limits());
    let host = AnyHost::new(&net, &url, "12345678");
    relayed(&net, &host, &source, LONGEST).await
}

#[test]
fn relay_takes_no_more_than_it_declares_from_a_greedy_bambu_printer() {
    alone(relay_takes_no_more_than_it_declares());
}

/// Nor would half of that pass.
async fn relay_takes_no_more_than_it_declares() {
    let (mut most, mut too_small) = (0, 0);
    for greed in Greed::ALL {
        let (declared, taken, ended) = measured(greed).await;
        println!("Bambu, {greed:?}: {taken} of {declared} bytes, {ended:?}");
        assert!(taken <= declared + TOKIO, "{greed:?}: {taken} of {declared} bytes");
        assert!(ended.is_ok(), "{greed:?}: {ended:?}");
        (most, too_small) = (most.max(taken), declared / 2);
    }
    assert!(most > too_small + TOKIO, "{most} bytes, and {too_small} would have passed");
}
