//! What a driver shows a host so that it is let in.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{cell::RefCell, fmt};

use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use embedded_io_async::Read;
use printhost_core::{Entropy, Error, ErrorKind, Result, Retry, Secret};

use crate::{
    Body, Net, Origin, Request,
    http::ResponseOf,
    proto::digest::{Challenge, Session, schemes},
};

/// So often at most is one request sent: without an answer to a challenge, with one, and again for nonces that were
/// stale or that another request has replaced.
const MAX_ROUNDS: u8 = 6;

/// Credentials for one host, and what that host has said about them.
///
/// One is kept for as long as a driver lives. With a user and a password (HTTP digest authentication), the first
/// request brings the host's challenge and is repeated with the answer to it; from then on every request carries an
/// answer, with a rising count. A nonce that the host calls stale is renewed without anybody noticing. What was
/// learned belongs to one [`Origin`] and is forgotten when another one is spoken to, so a redirect never carries an
/// answer elsewhere.
///
/// Requests may overlap, though small hosts would rather have one at a time; their counts then need not arrive in
/// order.
pub struct Login {
    means: Means,
    hidden: Option<Secret>,
    state: Mutex<CriticalSectionRawMutex, RefCell<State>>,
}

enum Means {
    Nothing,
    Key {
        field: &'static str,
        key: Secret,
    },
    /// The session is part of the state.
    Digest,
    /// The token is part of the state.
    Bearer,
}

struct State {
    /// What everything below is about.
    origin: Option<Origin>,
    /// It has let us in.
    proved: bool,
    session: Option<Box<dyn Answers>>,
    token: Option<Secret>,
    /// What the host has handed out beside the token.
    handed_out: Option<Secret>,
    /// Changes with every challenge that is taken or dropped, so that a request knows whose answer it carried.
    generation: u32,
}

/// A [`Session`], behind a pointer so that an image whose drivers never make one does without its hashes (26 KB).
trait Answers: Send {
    fn authorization(&mut self, request: &Request<'_>) -> Option<String>;
    fn challenged(&mut self, fields: &[&str], random: [u8; 16]) -> Result<()>;
    fn can_answer(&self, fields: &[&str]) -> bool;
    fn accepted(&mut self);
    fn forget(&mut self);
    fn redact(&self, text: &str) -> String;
}

impl Answers for Session {
    fn authorization(&mut self, request: &Request<'_>) -> Option<String> {
        self.authorization(request.method, request.target)
    }

    fn challenged(&mut self, fields: &[&str], random: [u8; 16]) -> Result<()> {
        self.challenged(fields.iter().copied(), random)
    }

    fn can_answer(&self, fields: &[&str]) -> bool {
        Challenge::parse(fields.iter().copied()).is_ok()
    }

    fn accepted(&mut self) {
        self.accepted();
    }

    fn forget(&mut self) {
        self.forget();
    }

    fn redact(&self, text: &str) -> String {
        self.redact(text)
    }
}

/// What a request carried.
struct Shown {
    authorization: Option<String>,
    generation: u32,
}

impl Login {
    /// Nothing is shown.
    pub const fn none() -> Self {
        Self::with(Means::Nothing, None)
    }

    /// A key in a header field of every request.
    pub fn key(field: &'static str, key: impl Into<Secret>) -> Self {
        Self::with(Means::Key { field, key: key.into() }, None)
    }

    /// A user and a password, by digest: the password itself never leaves. [`ErrorKind::InvalidInput`] for a user that
    /// digests cannot carry.
    pub fn digest(user: impl Into<String>, password: impl Into<Secret>) -> Result<Self> {
        Ok(Self::with(Means::Digest, Some(Box::new(Session::new(user, password.into())?))))
    }

    /// A token that a host hands out and that expires (`Authorization: Bearer …`): none until [`Login::renew`] brings one.
    /// Whoever makes one renews it when a request is refused with 401, and decides what is sent again.
    pub const fn bearer() -> Self {
        Self::with(Means::Bearer, None)
    }

    /// From now on this token is shown to this origin; `None` forgets the one there was. For [`Login::bearer`].
    pub fn renew(&self, origin: &Origin, token: Option<Secret>) {
        self.at(origin, |state| (state.token, state.proved) = (token, false));
    }

    /// The token that is shown to this origin, to be shown to it in another way. `None` for every kind but
    /// [`Login::bearer`].
    pub fn token(&self, origin: &Origin) -> Option<Secret> {
        self.at(origin, |state| state.token.clone())
    }

    /// From now on a secret that the host has handed out for later is kept out of errors, too; one at a time.
    pub fn hide(&self, secret: Secret) {
        self.state.lock(|state| state.borrow_mut().handed_out = Some(secret));
    }

    /// Keeps a further secret out of errors: one that stands in a path, or that this host must not see.
    pub fn hiding(mut self, secret: impl Into<Secret>) -> Self {
        self.hidden = Some(secret.into());
        self
    }

    /// A text from a host, without the credentials in it and what is made of them. To be done before it is cut.
    pub fn redact(&self, text: &str) -> String {
        let mut text = match &self.means {
            Means::Key { key, .. } => key.redact(text),
            _ => text.into(),
        };
        if let Some(hidden) = &self.hidden {
            text = hidden.redact(&text);
        }
        self.state.lock(|state| {
            let state = state.borrow();
            if let Some(secret) = &state.handed_out {
                text = secret.redact(&text);
            }
            match (&state.session, &state.token) {
                (Some(session), _) => session.redact(&text),
                (_, Some(token)) => token.redact(&text),
                _ => text,
            }
        })
    }

    const fn with(means: Means, session: Option<Box<dyn Answers>>) -> Self {
        let state =
            State { origin: None, proved: false, session, token: None, handed_out: None, generation: 0 };
        Self { means, hidden: None, state: Mutex::new(RefCell::new(state)) }
    }

    /// Whether a request that only reads should come before a body that cannot be sent twice: a key may be wrong as
    /// long as it has not been right once, and a nonce may have become stale at any time.
    pub(crate) fn wants_proof(&self, origin: &Origin) -> bool {
        match self.means {
            Means::Nothing => false,
            Means::Key { .. } | Means::Bearer => self.at(origin, |state| !state.proved),
            Means::Digest => true,
        }
    }

    /// A request that needs credentials has succeeded.
    pub(crate) fn prove(&self, origin: &Origin) {
        self.at(origin, |state| state.proved = true);
    }

    /// As [`crate::Parts::send`], with the credentials. An answer of 401 is returned when it cannot be helped: the
    /// user, the password or the key is wrong, or the host asks for something else.
    ///
    /// A body that is in memory may be sent several times, each but the last refused with a 401. One that streams is
    /// sent once; when all it would have taken is another nonce, that is [`ErrorKind::Unauthorized`] with
    /// [`Retry::Safe`].
    pub(crate) async fn send<'n, N: Net, R: Read + ?Sized>(
        &self,
        net: &'n N,
        request: &Request<'_>,
        body: &mut Body<'_, R>,
    ) -> Result<ResponseOf<'n, N>> {
        let mut rounds = 1;
        loop {
            let shown = self.show(request);
            let mut fields = request.headers.to_vec();
            match (&self.means, &shown.authorization) {
                (Means::Key { field, key }, _) => fields.push((*field, key.expose())),
                (_, Some(value)) => fields.push(("Authorization", value)),
                _ => {}
            }
            let response = net.parts().send(&request.headers(&fields), body.again()).await?;
            if response.status() != 401 {
                self.accepted(request.origin, &shown);
                return Ok(response);
            }
            let again = self.challenged(net, request, &response, &shown)?;
            if !again || rounds == MAX_ROUNDS {
                return Ok(response);
            }
            if body.is_streamed() {
                return Err(Error::new(ErrorKind::Unauthorized, request.operation)
                    .with_http(401)
                    .with_retry(Retry::Safe)
                    .with_detail(
                        "the host wants the login again just as the file begins, and has not taken it",
                    ));
            }
            response.finish().await;
            rounds += 1;
        }
    }

    /// Why a host with these `WWW-Authenticate` fields does not let us in, if they tell.
    pub(crate) fn hint(&self, fields: &[&str]) -> Option<String> {
        let mut asked: Vec<&str> = Vec::new();
        for name in schemes(fields.iter().copied()) {
            if !asked.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                asked.push(name);
            }
        }
        let asks_for = |name: &str| asked.iter().any(|asked| asked.eq_ignore_ascii_case(name));
        if asked.is_empty() {
            return None;
        }
        let names = asked[..asked.len().min(4)].join(" or ");
        Some(match self.means {
            Means::Nothing | Means::Bearer => format!("the host asks for {names}"),
            Means::Key { .. } if asks_for("ApiKey") => "the host does not accept the key".into(),
            Means::Key { .. } if asks_for("Digest") => {
                format!("the host asks for {names}, which takes a user and a password, not for a key")
            }
            Means::Key { .. } => format!("the host asks for {names}, not for a key"),
            Means::Digest if self.can_answer(fields) => {
                "the host does not accept the user or the password".into()
            }
            Means::Digest if asks_for("Digest") => {
                "the host asks for a kind of Digest that is not supported".into()
            }
            Means::Digest if asks_for("ApiKey") => {
                format!("the host asks for {names}, not for a user and a password")
            }
            Means::Digest => format!("the host asks for {names}, not for Digest"),
        })
    }

    fn can_answer(&self, fields: &[&str]) -> bool {
        self.state.lock(|state| state.borrow().session.as_ref().is_some_and(|s| s.can_answer(fields)))
    }

    fn show(&self, request: &Request<'_>) -> Shown {
        self.at(request.origin, |state| {
            let authorization = match (&mut state.session, &state.token) {
                (Some(session), _) => session.authorization(request),
                (_, Some(token)) => Some(format!("Bearer {}", token.expose())),
                _ => None,
            };
            Shown { authorization, generation: state.generation }
        })
    }

    fn accepted(&self, origin: &Origin, shown: &Shown) {
        self.at(origin, |state| {
            if let Some(session) = &mut state.session
                && shown.authorization.is_some()
                && shown.generation == state.generation
            {
                session.accepted();
            }
        });
    }

    /// Whether the request is worth repeating.
    fn challenged<N: Net>(
        &self,
        net: &N,
        request: &Request<'_>,
        response: &ResponseOf<'_, N>,
        shown: &Shown,
    ) -> Result<bool> {
        let mut random = [0; 16];
        net.parts().entropy().fill(&mut random);
        let fields: Vec<&str> = response.headers("www-authenticate").collect();
        let taken = self.at(request.origin, |state| {
            let Some(session) = &mut state.session else { return Ok(false) };
            // Another request has been through this already.
            if shown.generation != state.generation {
                return Ok(true);
            }
            state.generation = state.generation.wrapping_add(1);
            session.challenged(&fields, random).map(|()| true)
        });
        match taken {
            Err(e) if e.kind() == ErrorKind::Unauthorized => Ok(false),
            Err(e) => Err(e.in_operation(request.operation).with_http(401)),
            taken => taken,
        }
    }

    fn at<T>(&self, origin: &Origin, act: impl FnOnce(&mut State) -> T) -> T {
        self.state.lock(|state| {
            let mut state = state.borrow_mut();
            if state.origin.as_ref() != Some(origin) {
                state.origin = Some(origin.clone());
                state.proved = false;
                state.token = None;
                state.generation = state.generation.wrapping_add(1);
                if let Some(session) = &mut state.session {
                    session.forget();
                }
            }
            act(&mut state)
        })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.means {
            Means::Nothing => "Login(none)",
            Means::Key { .. } => "Login(key)",
            Means::Digest => "Login(digest)",
            Means::Bearer => "Login(bearer)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BaseUrl, Method};

    #[test]
    fn token_is_shown_to_its_own_origin_only_and_stays_out_of_texts() {
        let (home, other) = (BaseUrl::parse("http://a").unwrap(), BaseUrl::parse("http://b").unwrap());
        let login = Login::bearer();
        let shown = |base: &BaseUrl| {
            login.show(&Request::new("status", Method::Get, &base.origin, "/")).authorization
        };
        assert_eq!(shown(&home), None);
        login.renew(&home.origin, Some("token-1234".into()));
        assert_eq!(shown(&home).as_deref(), Some("Bearer token-1234"));
        assert_eq!(login.redact("what token-1234 says"), "what *** says");
        assert!(login.wants_proof(&home.origin));
        login.prove(&home.origin);
        assert!(!login.wants_proof(&home.origin));
        assert_eq!(shown(&other), None);
        assert_eq!(login.token(&home.origin), None);
    }
}
