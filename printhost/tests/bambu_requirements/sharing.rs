use printhost::{Event, Outcome, PrintHost as _, SUBSCRIBERS, bambu::Lamp};
use printhost_sim::{BambuConfig, BambuModel, BambuSim};

use crate::harness::{host, on};

/// A printer serves four clients or so, and every program that looks at it took one: spuder/OpenSpool#55. Here listeners
/// and calls of a program share one connection, also where the printer has room for no more.
///
/// The control is a second driver, which finds no room.
#[tokio::test]
async fn listeners_and_calls_share_one_connection() {
    let mut config = BambuConfig::new(BambuModel::P1s);
    config.mqtt.connections = 1;
    let sim = BambuSim::start(config).await.unwrap();
    let host_of = || host(&sim);
    let host = host_of();
    let mut listeners: Vec<_> = (0..SUBSCRIBERS).map(|_| host.events().unwrap()).collect();
    on(&host, async {
        for events in &mut listeners {
            while events.next().await != Event::Resynced {}
        }
        let calls = futures::future::join_all((0..6).map(|_| host.status())).await;
        assert!(calls.iter().all(Result::is_ok), "{calls:?}");
        assert_eq!(host.light(Lamp::Chamber, false).await, Ok(Outcome::confirmed()));
        assert_eq!(sim.connections().2, 1);

        let second = host_of();
        let mut events = second.events().unwrap();
        tokio::select! {
            end = second.run() => panic!("{end:?}"),
            event = events.next() => assert!(matches!(event, Event::Lost(_)), "{event:?}"),
        }
        host.status().await.unwrap();
    })
    .await;
    assert_eq!(sim.connections().1, 1);
}
