//! The drivers, a row each: what a claim about all of them has to know of one.

pub(crate) mod moonraker;
mod octoprint;
pub(crate) mod prusalink;

use printhost::{AnyHost, ErrorKind, net::Net};

pub(crate) use moonraker::MOONRAKER;
pub(crate) use octoprint::OCTOPRINT;
pub(crate) use prusalink::PRUSALINK;

use super::{
    harness::{Call, KEY, Scene},
    server::{Answer, Heard, Server},
};

/// What is a driver's own.
pub(crate) struct Driver {
    /// The scheme of its addresses.
    pub(crate) scheme: &'static str,
    /// The path that is asked for before anything else.
    pub(crate) probe: &'static str,
    /// What a healthy host answers there, an object.
    pub(crate) home: &'static str,
    /// How a listing begins, up to its first entry.
    pub(crate) listing: &'static str,
    /// Where what is asked for stands in an answer.
    pub(crate) envelope: &'static [&'static str],
    /// An entry of a listing with this name.
    pub(crate) entry: fn(&str) -> String,
    /// None for what is asked again and again.
    pub(crate) socket: Option<Socket>,
    /// Answers as a host that has nothing to complain about.
    pub(crate) healthy: fn(&Heard<'_>, Scene) -> Answer,
    /// How the decisive request of a call begins; none for what it cannot do.
    pub(crate) request: fn(Call) -> Option<&'static str>,
    /// What a status means when the host says "what it says", where that is not what it usually means.
    pub(crate) meaning: fn(Call, u16) -> Meaning,
    /// A refusal with these words, as it writes them: no line breaks or quotes.
    pub(crate) refusal: fn(&str) -> String,
    /// Answers to somebody with a wrong key.
    pub(crate) wrong_key: fn(&Heard<'_>) -> Answer,
    /// A status of 200 says that the change was accepted, whatever else is said.
    pub(crate) accepts_by_status: fn(Call) -> bool,
    /// A change whose answer does not come counts as taken as long as the host answers everything else.
    pub(crate) is_taken_in_silence: fn(Call) -> bool,
    /// All that is asked of a host that refuses the key.
    pub(crate) asks_first: &'static [&'static str],
    /// Whether, of a refused key, it says by itself what the host takes instead.
    pub(crate) explains_refusal: bool,
}

/// A push connection.
pub(crate) struct Socket {
    /// How the request for it begins.
    pub(crate) request: &'static str,
    /// Goes well: this, whatever brings everything that is to be known, and then this.
    pub(crate) live: fn(&Heard<'_>, Answer, Answer) -> Answer,
}

/// What a status means.
pub(crate) enum Meaning {
    Usual,
    Is(ErrorKind),
    /// The host has a reason that the call takes for an answer.
    NoError,
}

impl Driver {
    pub(crate) fn host_at<N: Net>(&self, net: N, address: &str) -> AnyHost<N> {
        AnyHost::new(net, &format!("{}://{address}", self.scheme).parse().unwrap(), KEY)
    }

    pub(crate) fn host<N: Net>(&self, net: N, port: u16) -> AnyHost<N> {
        self.host_at(net, &format!("127.0.0.1:{port}"))
    }

    /// A host that answers as the script says, and where it says nothing as it should.
    pub(crate) async fn server(
        &self,
        scene: Scene,
        script: impl Fn(&Heard<'_>) -> Option<Answer> + Send + Sync + 'static,
    ) -> Server {
        self.greeting(Vec::new(), scene, script).await
    }

    /// As [`Driver::server`], and does something before it reads anything.
    pub(crate) async fn greeting(
        &self,
        greeting: Answer,
        scene: Scene,
        script: impl Fn(&Heard<'_>) -> Option<Answer> + Send + Sync + 'static,
    ) -> Server {
        let healthy = self.healthy;
        Server::greeting(greeting, move |heard| Some(script(heard).unwrap_or_else(|| healthy(heard, scene))))
            .await
    }

    /// A host that answers a call's decisive request like this.
    pub(crate) async fn answering(
        &self,
        call: Call,
        answer: impl Fn(&Heard<'_>) -> Answer + Send + Sync + 'static,
    ) -> Server {
        let request = self.request(call);
        self.server(call.scene(), move |heard| heard.is(request).then(|| answer(heard))).await
    }

    /// How the decisive request of a call begins that it can make.
    pub(crate) fn request(&self, call: Call) -> &'static str {
        (self.request)(call).unwrap()
    }

    pub(crate) fn reads(&self) -> impl Iterator<Item = Call> {
        self.can(&Call::READS)
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = Call> {
        self.can(&Call::CHANGES)
    }

    fn can(&self, calls: &'static [Call]) -> impl Iterator<Item = Call> + use<> {
        let request = self.request;
        calls.iter().copied().filter(move |call| request(*call).is_some())
    }
}

/// How often the decisive request of a call was made.
pub(crate) fn times(server: &Server, driver: &Driver, call: Call) -> usize {
    server.heard().iter().filter(|line| line.starts_with(driver.request(call))).count()
}
