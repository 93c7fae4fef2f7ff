//! `printhost login`.

use clap::Args;
use printhost::{
    AnyHost, Error, ErrorKind, Net, PrintHost as _, PrinterUrl, Protocol, Secret,
    octoprint::app_keys::request_app_key,
};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    keys::{KeyStore, read_secret},
    targets::{Printer, Session},
};

/// What the printer's user is asked about.
const APP: &str = "printhost";

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The printer.
    printer: Printer,
    /// OctoPrint: ask only this user. PrusaLink: whose password it is, `maker` unless somebody has changed that.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// The user of a PrusaLink that nobody has changed.
const MAKER: &str = "maker";

/// OctoPrint is asked for a key, which somebody confirms there; of a PrusaLink the password is read from stdin or asked
/// for. What lets us in is kept beside the configuration. It is not shown.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Login) -> Result<Code, Failure> {
    let out = &session.out;
    let place = session.place(&args.printer)?;
    let Some(url) = &place.url else {
        return Err(Failure::usage("a simulated printer needs no key", "Name another printer."));
    };
    match url.protocol() {
        Protocol::OctoPrint => {}
        Protocol::PrusaLink => return with_password(session, &place.name, url, args.user.as_deref()).await,
        _ => return Err(Error::unsupported("login").into()),
    }
    let work = async {
        let request = request_app_key(&session.net, url.base(), APP, args.user.as_deref()).await?;
        let page = request.auth_dialog().map_or_else(|| url.base().to_string(), str::to_owned);
        out.say("Confirm", format_args!("in the printer's web page: {page}"));
        out.event(&place.name, "confirm", json!({ "url": page }));
        let bar = out.bar(0, "Waiting", "{prefix:>10.bold.green} for somebody to confirm it …  {elapsed}");
        let key = request.wait().await.map_err(|error| match error.kind() {
            ErrorKind::Unauthorized => {
                Failure::from(error).advising("Try again, and confirm it in the printer's web page.")
            }
            _ => error.into(),
        })?;
        drop(bar);
        let store = KeyStore::beside(session.config.path());
        store.set(&url.to_string(), &key)?;
        out.say("Kept", format_args!("the key for {} in {}", place.name, store.path().display()));
        out.event(&place.name, "key_kept", json!({ "keys": store.path().to_string_lossy() }));
        Ok(Code::Success)
    };
    tokio::select! {
        result = work => result,
        // The host forgets a request that nobody polls.
        _ = tokio::signal::ctrl_c() => {
            out.warn("Cancelled", "no key was kept.");
            out.event(&place.name, "interrupted", json!({}));
            Ok(Code::Interrupted)
        }
    }
}

/// Keeps the password only if it lets us in.
async fn with_password<N: Net + Clone>(
    session: &Session<N>,
    name: &str,
    url: &PrinterUrl,
    user: Option<&str>,
) -> Result<Code, Failure> {
    let out = &session.out;
    let user = user.unwrap_or(MAKER);
    if user.is_empty() || user.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control()) {
        return Err(Failure::usage("a user is one word without a colon", "Check --user."));
    }
    let advice = "Give it on stdin: … login PRINTER < FILE";
    let password = read_secret(&format!("Password of {user} at {name}: "), "password", advice, out)?;
    let login = Secret::new(format!("{user}:{}", password.expose()));
    let store = KeyStore::beside(session.config.path());
    KeyStore::check(&login)?;
    let host = AnyHost::new(session.net.clone(), url, login.clone());
    host.connect().await.map_err(|error| match error.kind() {
        ErrorKind::Unauthorized => Failure::from(error).advising(
            "Check the user and the password; printers with Prusa's own firmware show theirs in their network menu.",
        ),
        _ => error.into(),
    })?;
    store.set(&url.to_string(), &login)?;
    out.say("Kept", format_args!("the login for {name} in {}", store.path().display()));
    out.event(name, "key_kept", json!({ "keys": store.path().to_string_lossy() }));
    Ok(Code::Success)
}
