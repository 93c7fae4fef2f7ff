use std::time::Duration;

use printhost::{
    ErrorKind, Event, PrintHost,
    net::{HttpBackend, Limits},
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    drivers::Driver,
    link::{Link, LinkConn, net},
};
use crate::server::{Step, say, then};

over_both!(; paused host_that_goes_silent_is_lost_within_the_time_of_an_answer);

/// The other half of what `silent_login` is about: a Moonraker whose websocket opens and answers nothing, and a PrusaLink
/// that takes a question about its state and never answers, which would look connected for ever. Here the silence is a
/// loss within the time that a host may take for an answer.
///
/// The control are the same hosts until then: they answer whatever else is asked.
async fn host_that_goes_silent_is_lost_within_the_time_of_an_answer<H: HttpBackend<LinkConn> + Clone>(
    http: H,
) {
    for driver in [Driver::PrusaLinkPi, Driver::PrusaLinkFirmware, Driver::Moonraker] {
        let others = driver.takes(1);
        let net = net(http.clone(), Link::default(), move |heard| {
            if heard.is("GET /websocket ") {
                let accept = derive_accept_key(heard.field("sec-websocket-key").unwrap().as_bytes());
                let answer = format!(
                    "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
                );
                return Some(then(say(answer.into_bytes()), Step::Hold));
            }
            if heard.is("GET /api/v1/status ") {
                return Some(vec![Step::Hold]);
            }
            others(heard)
        });
        let host = driver.host(&net, "printer:80");
        host.connect().await.unwrap();
        let mut events = host.events().unwrap();
        let begun = Instant::now();
        let lost = async {
            match events.next().await {
                Event::Lost(error) => error,
                event => panic!("{driver:?}: {event:?}"),
            }
        };
        let error = tokio::select! {
            error = lost => error,
            end = host.run() => panic!("{driver:?}: {end:?}"),
        };
        assert_eq!(error.kind(), ErrorKind::Timeout, "{driver:?}: {error}");
        let silence = begun.elapsed();
        assert!(silence <= Limits::HOST.answer + Duration::from_secs(6), "{driver:?}: {silence:?}");
    }
}
