//! Who keeps the subscription: Klipper forgets it whenever it restarts, and does not announce every state.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{convert::Infallible, time::Duration};

use embassy_futures::select::{Either, select};
use printhost_core::{Clock as _, Error, ErrorKind, Result, within};
use printhost_net::{BaseUrl, Net, link::Session, proto::json_events::JsonEvent};

use crate::{
    Moonraker,
    api::checked,
    config::Means,
    map::{self, Klippy},
    wire::{Known, Objects, rpc},
};

/// Between two looks at a Klipper that is not ready.
const NOT_READY: Duration = Duration::from_secs(1);
/// A subscription that has brought nothing for so long is renewed.
const SILENT: Duration = Duration::from_secs(2);
/// And then more and more rarely: a printer that does nothing has nothing to tell.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// So long Klipper may be away after a gap before that is more than a restart of Moonraker.
const RESTARTING: Duration = Duration::from_secs(10);
/// How many jobs of a gap are told.
pub(crate) const MAX_JOBS: u16 = 8;
/// How often the history is read for the end of a job, and how long it may take to be written.
const TRIES: u8 = 4;
const SETTLES: Duration = Duration::from_millis(400);

impl<N: Net> Moonraker<N> {
    /// Identifies, subscribes, subscribes again.
    pub(crate) async fn keep(&self, session: &Session<'_>, base: &BaseUrl) -> Result<Infallible> {
        let clock = self.net.parts().clock();
        self.identify(session, base).await?;
        let begun = clock.now();
        let mut silence = SILENT;
        loop {
            self.look.reset();
            if !self.with_live(|live| live.subscribed) {
                self.look_and_subscribe(session).await?;
            }
            let klippy = self.with_live(|live| live.klippy);
            let is_gone = klippy == Klippy::Disconnected && clock.now().saturating_sub(begun) > RESTARTING;
            self.with_live(|live| live.seen |= is_gone);
            if self.with_live(|live| live.synced) {
                self.with_live(|live| self.publish(live));
            } else {
                self.catch_up().await;
                session.admit();
                self.with_live(|live| live.open = true);
                self.console.open();
            }
            if self.with_live(|live| core::mem::take(&mut live.wants_history)) {
                self.explain_end().await;
            }
            let (updates, is_ready) = self.with_live(|live| (live.updates, live.is_ready()));
            let wait = if is_ready { silence } else { NOT_READY };
            if let Either::First(()) = select(clock.sleep(wait), self.look.wait()).await {
                // A Klipper that is not ready is looked at again and again, since it does not tell when it is; and one
                // that is may have forgotten us.
                let is_silent = self.with_live(|live| live.updates) == updates;
                if is_silent || !is_ready {
                    self.with_live(|live| live.subscribed = false);
                }
                silence = if is_silent && is_ready { (silence * 2).min(LONGEST_SILENCE) } else { SILENT };
            }
        }
    }

    /// By a message of its own: a key in the address would end up in the logs of every proxy, and a one-shot token is
    /// bound to an address and to five seconds.
    async fn identify(&self, session: &Session<'_>, base: &BaseUrl) -> Result<()> {
        let credentials = match &self.config.means {
            Means::Trusted => String::new(),
            Means::Key(key) => format!(r#","api_key":{}"#, rpc::quoted(key.expose())),
            Means::User { .. } => {
                Box::pin(self.renew("run", base, None)).await?;
                let token = self.config.login.token(&base.origin);
                let token = token.as_ref().map_or("", |token| token.expose());
                format!(r#","access_token":{}"#, rpc::quoted(token))
            }
        };
        let params = format!(
            r#"{{"client_name":"printhost","version":"{}","type":"other","url":"{}"{credentials}}}"#,
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_PKG_REPOSITORY"),
        );
        match self.own(session, "server.connection.identify", &params).await {
            Err(e) if e.kind() == ErrorKind::Unauthorized => {
                let token = self.config.login.token(&base.origin);
                if token.is_some() {
                    // It has expired: the next connection shows another one, or finds out why there is none.
                    Box::pin(self.renew("run", base, token.as_ref())).await?;
                    return Err(
                        Error::new(ErrorKind::Disconnected, "run").with_detail("the login has expired")
                    );
                }
                Err(Box::pin(self.explain(base, e)).await)
            }
            identified => identified.map(drop),
        }
    }

    /// Finds out what Klipper is doing, and subscribes to its objects if it has any.
    async fn look_and_subscribe(&self, session: &Session<'_>) -> Result<()> {
        let info = match self.own(session, "server.info", "").await {
            Ok(answer) => self.parse("run", answer.as_bytes())?,
            // It has many warnings.
            Err(e) if e.kind() == ErrorKind::TooLarge => self.server_info("run").await?,
            Err(e) => return Err(e),
        };
        let mut klippy = map::klippy(&info);
        if klippy == Klippy::Up && !self.subscribe(session).await? {
            // It has just gone, or is not that far yet.
            klippy = Klippy::Startup;
        }
        if klippy != Klippy::Up {
            self.with_live(|live| live.set_klippy(klippy));
        }
        Ok(())
    }

    /// Whether that succeeded; the objects are taken where the answer comes in.
    async fn subscribe(&self, session: &Session<'_>) -> Result<bool> {
        if self.with_live(|live| live.known.is_none()) {
            let Some(known) = self.objects("run").await? else { return Ok(false) };
            self.with_live(|live| {
                live.objects = Objects::of(&known);
                live.known = Some(known);
            });
        }
        let params = self.with_live(|live| live.known.as_ref().map(subscription)).unwrap_or_default();
        let parts = self.net.parts();
        let call = session.call("run", |id| {
            self.with_live(|live| live.subscribing = Some(id));
            rpc::call("printer.objects.subscribe", &params, id)
        });
        let answer = within(parts.clock(), parts.limits().answer, "run", call).await?;
        match checked(&self.config.login, "run", answer.into_bytes()) {
            Ok(_) => Ok(self.with_live(|live| live.subscribed)),
            Err(e) if e.kind() == ErrorKind::Unauthorized => Err(e),
            Err(_) => Ok(false),
        }
    }

    /// Which objects there are; `None` while Klipper tells none. Read anew, since they change with its configuration.
    pub(crate) async fn objects(&self, operation: &'static str) -> Result<Option<Known>> {
        let mut known = Known::default();
        let take = &mut |n, value: JsonEvent<'_>| known.take(n, value);
        match self.get_members(operation, "/printer/objects/list", Known::MEMBERS, take).await {
            Ok(()) => Ok(Some(known)),
            Err(e) if e.kind() == ErrorKind::Unauthorized => Err(e),
            Err(e) if matches!(e.http_status(), Some(400 | 404 | 503)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn own(&self, session: &Session<'_>, method: &str, params: &str) -> Result<String> {
        let parts = self.net.parts();
        let call = session.call("run", |id| rpc::call(method, params, id));
        let answer = within(parts.clock(), parts.limits().answer, "run", call).await?;
        let answer = checked(&self.config.login, "run", answer.into_bytes())?;
        String::from_utf8(answer).map_err(|e| Error::new(ErrorKind::Protocol, "run").with_detail(e))
    }

    /// What has happened since the last connection, and what is now.
    async fn catch_up(&self) {
        let rows = self.recent_jobs("run", MAX_JOBS).await.unwrap_or_default();
        self.with_live(|live| {
            let status = live.status();
            let mut events = Vec::new();
            if live.seen || live.klippy != Klippy::Disconnected {
                live.jobs.catch_up(&rows, &status, &mut events);
            }
            self.publish_jobs(events);
            live.synced = true;
            self.bus.publish_resynced(status);
        });
    }

    /// The end of a job was not seen, or could not be taken. Moonraker writes its history a moment later.
    async fn explain_end(&self) {
        for _ in 0..TRIES {
            self.net.parts().clock().sleep(SETTLES).await;
            let rows = self.recent_jobs("run", MAX_JOBS).await.unwrap_or_default();
            let is_explained = self.with_live(|live| {
                let mut events = Vec::new();
                live.jobs.explain(&rows, &mut events);
                self.publish_jobs(events);
                !live.jobs.is_waiting()
            });
            if is_explained {
                break;
            }
        }
        let rows = self.recent_jobs("run", MAX_JOBS).await.unwrap_or_default();
        self.with_live(|live| {
            let (status, mut events) = (live.status(), Vec::new());
            live.jobs.catch_up(&rows, &status, &mut events);
            self.publish_jobs(events);
            live.wants_history = false;
        });
    }
}

/// Of every object the fields that are wanted, as `name` and `field,field`.
pub(crate) fn fields(known: &Known) -> Vec<(String, &'static str)> {
    const TEMPERATURES: &str = "temperature,target";
    let mut fields: Vec<(String, &'static str)> = [
        ("webhooks", "state,state_message"),
        ("print_stats", "state,filename,message,total_duration,print_duration"),
        ("virtual_sdcard", "progress,file_size"),
        ("toolhead", "homed_axes"),
        ("gcode_move", "gcode_position,speed_factor,extrude_factor"),
    ]
    .map(|(name, fields)| (name.into(), fields))
    .into();
    fields.extend(known.tool_names().map(|name| (name, "temperature,target,can_extrude")));
    fields.extend(known.bed.then(|| ("heater_bed".into(), TEMPERATURES)));
    fields.extend(known.chamber.iter().map(|name| (name.clone(), TEMPERATURES)));
    fields.extend(known.fans.iter().map(|name| (name.clone(), "speed,rpm")));
    fields
}

/// The parameters of a subscription, and of a question.
pub(crate) fn subscription(known: &Known) -> String {
    let fields = fields(known);
    // Of a name and a field each, at most: `,"name":["field","field"]`.
    let commas = |text: &str| text.bytes().filter(|b| *b == b',').count();
    let room = fields.iter().map(|(name, fields)| name.len() + fields.len() + 2 * commas(fields) + 8);
    let mut params = String::with_capacity(room.sum::<usize>() + 16);
    params.push_str(r#"{"objects":{"#);
    for (n, (name, fields)) in fields.iter().enumerate() {
        if n > 0 {
            params.push(',');
        }
        params.push_str(&rpc::quoted(name));
        params.push_str(":[");
        for (n, field) in fields.split(',').enumerate() {
            params.push_str(if n > 0 { ",\"" } else { "\"" });
            params.push_str(field);
            params.push('"');
        }
        params.push(']');
    }
    params.push_str("}}");
    params
}
