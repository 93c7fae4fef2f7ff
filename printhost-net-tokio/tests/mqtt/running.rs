use mqttbytes::{QoS, v4::Packet};
use printhost_net::mqtt::{Message, Options, Outbox};

use super::network::{REQUEST, connected};

const OPTIONS: Options = Options::new(100);

#[tokio::test(start_paused = true)]
async fn texts_are_published_once_with_rising_identifiers_and_acknowledgements_are_told_in_any_order() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let outbox = Outbox::new();
    let mut acknowledged = Vec::new();
    let run = client.run(&network, REQUEST, &outbox, |message| {
        if let Message::Acked(id) = message {
            acknowledged.push(id);
        }
        Ok(())
    });
    let script = async {
        for text in ["one", "two", "three"] {
            outbox.send(text.into()).await;
        }
        for (id, text) in [(1, "one"), (2, "two"), (3, "three")] {
            let Some(Packet::Publish(publish)) = server.next().await else { panic!("no PUBLISH") };
            assert_eq!((publish.pkid, publish.qos, publish.dup), (id, QoS::AtLeastOnce, false));
            assert_eq!((publish.topic.as_str(), &publish.payload[..]), (REQUEST, text.as_bytes()));
        }
        server.say(&[0x40, 2, 0, 2, 0x40, 2, 0, 1, 0x40, 2, 0, 3]).await;
        // Whatever is not acknowledged is not sent again either.
        assert_eq!(server.next().await, Some(Packet::PingReq));
    };
    tokio::select! {
        end = run => panic!("{end:?}"),
        () = script => {}
    }
    assert_eq!(acknowledged, [2, 1, 3]);
}
