//! `printhost login`.

use clap::Args;
use printhost::{Error, ErrorKind, Net, Protocol, octoprint::app_keys::request_app_key};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    keys::KeyStore,
    targets::{Printer, Session},
};

/// What the printer's user is asked about.
const APP: &str = "printhost";

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The printer.
    printer: Printer,
    /// Ask only this user of the host.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Asks for a key, waits for the confirmation, and keeps the key beside the configuration. It is not shown.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Login) -> Result<Code, Failure> {
    let out = &session.out;
    let place = session.place(&args.printer)?;
    let Some(url) = &place.url else {
        return Err(Failure::usage("a simulated printer needs no key", "Name another printer."));
    };
    let Protocol::OctoPrint = url.protocol() else {
        return Err(Error::unsupported("login").into());
    };
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
