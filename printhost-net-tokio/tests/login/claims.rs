use std::process::Command;

use futures::future::join_all;
use printhost_core::{Error, ErrorKind, Result, Retry};
use printhost_net::{
    BaseUrl, Body, Login, Method, NO_BODY, Net, Origin,
    rest::{Call, Dialect, Rest},
};
use printhost_net_tokio::{HyperNet, PortableNet};

use super::server::{KEY, PASSWORD, Rules, Seen, Server, USER};

const DIALECT: Dialect = Dialect::new("/probe", |_| None, |_| {});
/// The length of a file.
const LEN: usize = 3 << 20;

fn login() -> Login {
    Login::digest(USER, PASSWORD).unwrap()
}

fn base(server: &Server) -> BaseUrl {
    BaseUrl::new(Origin::http("127.0.0.1", server.address.port()))
}

async fn get(net: &impl Net, login: &Login, server: &Server) -> Result<()> {
    let rest = Rest::new(net, login, &DIALECT);
    rest.exchange(&base(server), Call::get("status", "/status?a=b"), NO_BODY).await?.finish().await;
    Ok(())
}

async fn put(net: &impl Net, login: &Login, server: &Server) -> Result<()> {
    let rest = Rest::new(net, login, &DIALECT);
    let file = vec![b'G'; LEN];
    let call = Call::new("upload", Method::Put, "/files/a.gcode");
    let mut reader = &*file;
    let body = Body::stream(&[], &mut reader, LEN as u64, &[]);
    rest.exchange(&base(server), call, body).await?.finish().await;
    Ok(())
}

fn seen(line: &str, body: usize, authorized: bool, status: u16) -> Seen {
    Seen { line: line.into(), body: body as u64, authorized, status }
}

fn assert_no_secret(error: &Error) {
    let shown = format!("{error} {error:#} {error:?}");
    assert!(!shown.contains(PASSWORD), "{shown}");
}

async fn one_challenge_serves_all_requests_over_one_connection(net: impl Net) {
    for rules in [Rules::COUNTING, Rules::PLAIN] {
        let (server, login) = (Server::start(rules), login());
        for _ in 0..4 {
            get(&net, &login, &server).await.unwrap();
        }
        assert_eq!(server.statuses(), [401, 200, 200, 200, 200]);
        assert_eq!(server.connections(), 1);
    }
}

async fn nonce_that_has_become_old_is_renewed_without_anybody_noticing(net: impl Net) {
    for says_stale in [true, false] {
        for rules in [Rules::COUNTING, Rules::PLAIN] {
            let (server, login) = (Server::start(Rules { nonce_serves: 2, says_stale, ..rules }), login());
            for _ in 0..5 {
                get(&net, &login, &server).await.unwrap();
            }
            assert_eq!(server.statuses(), [401, 200, 200, 401, 200, 200, 401, 200]);
            assert_eq!(server.connections(), 1);
        }
    }
}

async fn wrong_password_is_tried_once_and_told_as_such(net: impl Net) {
    for rules in [Rules::COUNTING, Rules::PLAIN] {
        let server = Server::start(rules);
        for (user, password) in [(USER, "wrong-password"), ("somebody", PASSWORD)] {
            let login = Login::digest(user, password).unwrap();
            for _ in 0..2 {
                let error = get(&net, &login, &server).await.unwrap_err();
                assert_eq!((error.kind(), error.http_status()), (ErrorKind::Unauthorized, Some(401)));
                assert_eq!(error.detail(), Some("the host does not accept the user or the password"));
                assert_eq!((error.operation(), error.retry()), ("status", Retry::Never));
                assert_no_secret(&error);
                assert_eq!(server.statuses(), [401, 401]);
            }
            put(&net, &login, &server).await.unwrap_err();
            assert_eq!(server.seen(), [seen("GET /probe", 0, false, 401), seen("GET /probe", 0, true, 401)]);
        }
    }
}

async fn host_that_never_believes_its_own_nonces_is_given_up(net: impl Net) {
    let (server, login) = (Server::start(Rules { nonce_serves: 0, ..Rules::PLAIN }), login());
    assert_eq!(get(&net, &login, &server).await.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(server.statuses(), [401; 5]);
}

async fn file_is_sent_once_and_not_before_the_login(net: impl Net) {
    for rules in [Rules::COUNTING, Rules::PLAIN] {
        let (server, login) = (Server::start(Rules { nonce_serves: 2, ..rules }), login());
        put(&net, &login, &server).await.unwrap();
        let sent = [seen("GET /probe", 0, true, 200), seen("PUT /files/a.gcode", LEN, true, 201)];
        assert_eq!(server.seen(), [&[seen("GET /probe", 0, false, 401)], &sent[..]].concat());
        // By now the nonce is too old.
        put(&net, &login, &server).await.unwrap();
        assert_eq!(server.seen(), [&[seen("GET /probe", 0, true, 401)], &sent[..]].concat());
        assert_eq!(server.connections(), 1);
    }
}

async fn file_waits_until_a_key_has_been_right_once(net: impl Net) {
    let server = Server::start(Rules { asks: &["ApiKey realm=a"], ..Rules::PLAIN });
    let wrong = Login::key("X-Api-Key", "wrong-key");
    let error = put(&net, &wrong, &server).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.detail()),
        (ErrorKind::Unauthorized, Some("the host does not accept the key"))
    );
    assert_eq!((error.operation(), server.seen()), ("upload", vec![seen("GET /probe", 0, false, 401)]));
    let right = Login::key("X-Api-Key", KEY);
    put(&net, &right, &server).await.unwrap();
    put(&net, &right, &server).await.unwrap();
    let sent = seen("PUT /files/a.gcode", LEN, false, 201);
    assert_eq!(server.seen(), [seen("GET /probe", 0, false, 200), sent.clone(), sent]);
}

async fn nonce_that_dies_as_the_file_begins_costs_no_second_transfer(net: impl Net) {
    let (server, login) = (Server::start(Rules { nonce_serves: 1, ..Rules::PLAIN }), login());
    let error = put(&net, &login, &server).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Safe));
    assert_eq!((error.operation(), error.http_status()), ("upload", Some(401)));
    assert_no_secret(&error);
    // The server notes the file when it has seen the end of it.
    let mut requests = Vec::new();
    while requests.len() < 3 {
        requests.extend(server.seen());
        tokio::task::yield_now().await;
    }
    let lines: Vec<_> = requests.iter().map(|seen| (&*seen.line, seen.status)).collect();
    assert_eq!(lines, [("GET /probe", 401), ("GET /probe", 200), ("PUT /files/a.gcode", 401)]);
}

async fn short_body_is_sent_again_whole(net: impl Net) {
    let (server, login) = (Server::start(Rules::COUNTING), login());
    let rest = Rest::new(&net, &login, &DIALECT);
    let call = Call::post_json("pause", "/job");
    rest.exchange(&base(&server), call, Body::bytes(b"{\"command\": 1}")).await.unwrap().finish().await;
    assert_eq!(server.seen(), [seen("POST /job", 14, false, 401), seen("POST /job", 14, true, 201)]);
}

async fn host_that_wants_something_else_is_quoted(net: impl Net) {
    const DIGEST: &str = r#"Digest realm="Printer API", nonce="NONCE""#;
    let key = || Login::key("X-Api-Key", "key-of-mine");
    for (asks, login, detail) in [
        (&[DIGEST][..], key(), "the host asks for Digest, which takes a user and a password, not for a key"),
        (&[DIGEST, "Basic realm=a, digest realm=a"], Login::none(), "the host asks for Digest or Basic"),
        (&["Basic realm=a"], key(), "the host asks for Basic, not for a key"),
        (&["ApiKey realm=a"], key(), "the host does not accept the key"),
        (&["ApiKey realm=a"], login(), "the host asks for ApiKey, not for a user and a password"),
        (&["Basic realm=a"], login(), "the host asks for Basic, not for Digest"),
        (
            &["Digest realm=a, nonce=b, algorithm=SHA-512-256"],
            login(),
            "the host asks for a kind of Digest that is not supported",
        ),
    ] {
        let server = Server::start(Rules { asks, ..Rules::PLAIN });
        let error = get(&net, &login, &server).await.unwrap_err();
        assert_eq!((error.kind(), error.http_status()), (ErrorKind::Unauthorized, Some(401)), "{asks:?}");
        assert_eq!(error.detail(), Some(detail), "{asks:?}");
        assert_eq!(server.statuses(), [401], "{asks:?}");
    }
    let server = Server::start(Rules { asks: &["Digest realm=a"], ..Rules::PLAIN });
    let error = get(&net, &login(), &server).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Protocol, Some(401)));
    assert_eq!((error.operation(), error.detail()), ("status", Some("a challenge has no nonce")));
}

async fn refusal_that_quotes_the_request_gives_nothing_away(net: impl Net) {
    let (server, login) = (Server::start(Rules::PLAIN), login());
    let rest = Rest::new(&net, &login, &DIALECT);
    let error = rest.exchange(&base(&server), Call::get("status", "/refused"), NO_BODY).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let detail = error.detail().unwrap();
    assert!(detail.contains(r#"uri=\"/refused\""#) && detail.contains(r#"response=\"***\""#), "{detail}");
}

async fn challenge_that_can_be_answered_is_found_in_any_field(net: impl Net) {
    const ASKS: &[&str] = &[
        "Basic realm=a",
        "Digest realm=a, nonce=b, algorithm=SHA-512-256",
        "Negotiate, NTLM",
        Rules::PLAIN.asks[0],
    ];
    let (server, login) = (Server::start(Rules { asks: ASKS, ..Rules::PLAIN }), login());
    get(&net, &login, &server).await.unwrap();
    assert_eq!(server.statuses(), [401, 200]);
}

async fn answer_for_one_host_is_not_shown_to_another(net: impl Net) {
    let (a, b, login) = (Server::start(Rules::PLAIN), Server::start(Rules::PLAIN), login());
    for server in [&a, &b, &a] {
        get(&net, &login, server).await.unwrap();
        let authorized: Vec<_> = server.seen().iter().map(|seen| seen.authorized).collect();
        assert_eq!(authorized, [false, true]);
    }
}

async fn requests_may_begin_at_the_same_time(net: impl Net) {
    let (server, login) = (Server::start(Rules { nonce_serves: 7, ..Rules::PLAIN }), login());
    for _ in 0..10 {
        let all = join_all((0..4).map(|_| get(&net, &login, &server))).await;
        all.into_iter().collect::<Result<Vec<_>>>().unwrap();
    }
}

/// The server is no friend of ours: curl gets the same answers from it, to the same number of requests.
#[test]
fn curl_is_answered_as_we_are() {
    for rules in [Rules::COUNTING, Rules::PLAIN] {
        let server = Server::start(rules);
        for (password, statuses) in [(PASSWORD, [401, 200]), ("wrong-password", [401, 401])] {
            let url = format!("http://{}/status?a=b", server.address);
            let user = format!("{USER}:{password}");
            let mut curl = Command::new("curl");
            curl.args(["-q", "--noproxy", "*", "--silent", "--max-time", "10", "--digest", "--user", &user]);
            let output = curl.arg(&url).output().expect("curl is needed");
            assert!(output.status.success(), "{output:?}");
            assert_eq!(server.statuses(), statuses);
        }
    }
}

macro_rules! claims {
    ($($claim:ident)*) => {
        mod over_hyper {
            $(#[tokio::test]
            async fn $claim() {
                super::$claim(super::HyperNet::new()).await;
            })*
        }
        mod over_the_portable_client {
            $(#[tokio::test]
            async fn $claim() {
                super::$claim(super::PortableNet::new()).await;
            })*
        }
    };
}

claims! {
    one_challenge_serves_all_requests_over_one_connection
    nonce_that_has_become_old_is_renewed_without_anybody_noticing
    wrong_password_is_tried_once_and_told_as_such
    host_that_never_believes_its_own_nonces_is_given_up
    file_is_sent_once_and_not_before_the_login
    file_waits_until_a_key_has_been_right_once
    nonce_that_dies_as_the_file_begins_costs_no_second_transfer
    short_body_is_sent_again_whole
    host_that_wants_something_else_is_quoted
    refusal_that_quotes_the_request_gives_nothing_away
    challenge_that_can_be_answered_is_found_in_any_field
    answer_for_one_host_is_not_shown_to_another
    requests_may_begin_at_the_same_time
}
