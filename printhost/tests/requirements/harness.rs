//! What all requirements need.

use std::{convert::Infallible, time::Duration};

use printhost::{
    AnyHost, PrintHost, PrinterUrl,
    net::{HttpBackend, Limits, Parts},
    net_tokio::{OsEntropy, TokioClock, TokioConn, TokioDial, TokioParts},
};
use printhost_sim::SimConfig;
use tokio::sync::{Mutex, MutexGuard};

use super::drivers::Driver;

/// Every test holds this: what is allocated meanwhile is then its own.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::const_new(());
    ONE.lock().await
}

/// A network of TCP.
pub(crate) fn net<H: HttpBackend<TokioConn>>(dial: TokioDial, http: H) -> TokioParts<H> {
    Parts::new(dial, http, TokioClock::default(), OsEntropy::default(), Limits::HOST)
}

/// A printer at a URL.
pub(crate) fn host<N: printhost::Net>(net: N, url: &str) -> AnyHost<N> {
    let url: PrinterUrl = url.parse().unwrap();
    AnyHost::new(net, &url, SimConfig::TEST_KEY)
}

/// Waits until nothing holds the printer any more: a cancelled job is announced a moment before.
pub(crate) async fn until_free(driver: Driver, host: &impl PrintHost) {
    let free = async { while !driver.is_free(host.status().await.unwrap().phase) {} };
    tokio::time::timeout(Duration::from_secs(60), free).await.expect("a free printer");
}

/// A file of zeros without end.
pub(crate) struct Zeros;

impl embedded_io_async::ErrorType for Zeros {
    type Error = Infallible;
}

impl embedded_io_async::Read for Zeros {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        buf.fill(0);
        Ok(buf.len())
    }
}

/// Runs each claim over hyper and over the portable client; those after `paused` in virtual time.
macro_rules! over_both {
    ($($claim:ident),* $(,)? $(; paused $($waiting:ident),* $(,)?)?) => {
        mod over_hyper {
            $(over_both!(@one $claim, printhost::net_tokio::Hyper::default());)*
            $($(over_both!(@one $waiting, printhost::net_tokio::Hyper::default(), start_paused = true);)*)?
        }
        mod over_the_portable_client {
            $(over_both!(@one $claim, printhost::net::Http1::HOST);)*
            $($(over_both!(@one $waiting, printhost::net::Http1::HOST, start_paused = true);)*)?
        }
    };
    (@one $claim:ident, $http:expr $(, $time:ident = $value:literal)?) => {
        #[tokio::test($($time = $value)?)]
        async fn $claim() {
            let _alone = $crate::requirements::harness::alone().await;
            super::$claim($http).await;
        }
    };
}
