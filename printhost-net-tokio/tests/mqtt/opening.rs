use std::time::Duration;

use mqttbytes::v4::{ConnectReturnCode, Login, Packet};
use printhost_core::{Error, ErrorKind, Secret};
use printhost_net::mqtt::{Options, Outbox};
use printhost_net::{Origin, mqtt};
use tokio::time::Instant;

use super::network::{REPORT, REQUEST, answer, granted, network, open};

const OPTIONS: Options = Options::new(1 << 20);

#[tokio::test(start_paused = true)]
async fn login_and_subscription_are_what_another_codec_reads() {
    let (network, mut server) = network();
    let script = async {
        let Some(Packet::Connect(connect)) = server.next().await else { panic!("no CONNECT") };
        assert_eq!((connect.client_id.as_str(), connect.clean_session), ("printhost-1", true));
        assert_eq!((connect.keep_alive, connect.last_will), (20, None));
        assert_eq!(connect.login, Some(Login::new("bblp", "12345678")));
        server.say(&answer(ConnectReturnCode::Success)).await;
        let Some(Packet::Subscribe(subscribe)) = server.next().await else { panic!("no SUBSCRIBE") };
        assert_eq!((subscribe.filters.len(), subscribe.filters[0].path.as_str()), (1, REPORT));
        assert_eq!(subscribe.filters[0].qos, mqttbytes::QoS::AtMostOnce);
        server.say(&granted(subscribe.pkid)).await;
    };
    let (client, ()) = tokio::join!(open(&network, OPTIONS), script);
    client.unwrap();
}

#[tokio::test(start_paused = true)]
async fn refused_login_says_what_to_do() {
    for (code, kind) in [
        (ConnectReturnCode::RefusedProtocolVersion, ErrorKind::Protocol),
        (ConnectReturnCode::BadClientId, ErrorKind::InvalidInput),
        (ConnectReturnCode::ServiceUnavailable, ErrorKind::Busy),
        (ConnectReturnCode::BadUserNamePassword, ErrorKind::Unauthorized),
        (ConnectReturnCode::NotAuthorized, ErrorKind::Unauthorized),
    ] {
        let (network, mut server) = network();
        let script = async {
            server.next().await;
            server.say(&answer(code)).await;
            server.next().await
        };
        let (client, further) = tokio::join!(open(&network, OPTIONS), script);
        let error = client.unwrap_err();
        assert_eq!((error.kind(), further), (kind, None), "{error}");
        assert!(!format!("{error:#} {error:?}").contains("12345678"));
    }
}

#[tokio::test(start_paused = true)]
async fn connection_closed_after_the_subscription_hints_at_the_serial_number() {
    let (network, mut server) = network();
    let script = async move {
        server.next().await;
        server.say(&answer(ConnectReturnCode::Success)).await;
        server.next().await;
    };
    let (client, ()) = tokio::join!(open(&network, OPTIONS), script);
    let error = client.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.detail().unwrap().contains("a wrong serial number, or too many clients"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn connection_closed_before_the_login_is_answered_says_so() {
    let (network, mut server) = network();
    let script = async move { server.next().await };
    let (client, _) = tokio::join!(open(&network, OPTIONS), script);
    let error = client.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(error.detail().unwrap().contains("before it answered the login"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn refused_subscription_is_forbidden() {
    let (network, mut server) = network();
    let script = async {
        server.next().await;
        server.say(&answer(ConnectReturnCode::Success)).await;
        server.next().await;
        server.say(&[0x90, 3, 0, 1, 0x80]).await;
    };
    let (client, ()) = tokio::join!(open(&network, OPTIONS), script);
    assert_eq!(client.unwrap_err().kind(), ErrorKind::Forbidden);
}

#[tokio::test(start_paused = true)]
async fn host_that_does_not_answer_is_given_up_after_10_s_and_what_was_asked_is_told() {
    for (answered, stage) in [(false, "the login"), (true, "the subscription")] {
        let (network, mut server) = network();
        let began = Instant::now();
        let script = async {
            server.next().await;
            if answered {
                server.say(&answer(ConnectReturnCode::Success)).await;
            }
            while server.next().await.is_some() {}
        };
        let (client, ()) = tokio::join!(open(&network, OPTIONS), script);
        let error = client.unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (ErrorKind::Timeout, Duration::from_secs(10)));
        assert!(error.detail().unwrap().contains(stage), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn message_before_the_answer_to_the_subscription_is_not_lost() {
    for refused in [false, true] {
        let (network, mut server) = network();
        let script = async {
            server.next().await;
            let early = [&answer(ConnectReturnCode::Success)[..], b"\x31\x08\0\x03a/bold"].concat();
            server.say(&early).await;
            server.next().await;
            server.say(if refused { &[0x90, 3, 0, 1, 0x80] } else { &[0x90, 3, 0, 1, 0] }).await;
            server.say(b"\x30\x08\0\x03a/bnew").await;
        };
        let (client, ()) = tokio::join!(open(&network, OPTIONS), script);
        let mut told = String::new();
        let outbox = Outbox::new();
        let end = client.unwrap().run(&network, REQUEST, &outbox, |message| {
            told += &format!("{message:?} ");
            if told.matches("End").count() == 2 {
                return Err(Error::new(ErrorKind::Conflict, "test"));
            }
            Ok(())
        });
        let kind = end.await.unwrap_err().kind();
        let begin = r#"Begin { topic: "a/b", len: 3 } "#;
        let first = format!("{begin}Piece([111, 108, 100]) End ");
        match refused {
            true => assert_eq!((kind, told), (ErrorKind::Forbidden, first)),
            false => {
                assert_eq!(
                    (kind, told),
                    (ErrorKind::Conflict, format!("{first}{begin}Piece([110, 101, 119]) End "))
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn login_that_can_never_be_right_is_not_tried() {
    let (network, _server) = network();
    let password = Secret::new("1234\x005678");
    let login = mqtt::Login::new("printhost-1", "bblp", &password);
    let origin = Origin::http("printer", 8883);
    let error = mqtt::connect(&network, &origin, &login, REPORT, OPTIONS).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
