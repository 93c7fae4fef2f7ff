//! The line between OctoPrint and its printer.

use alloc::{string::String, vec::Vec};

use printhost_core::{Command, Error, ErrorKind, Outcome, Result};
use printhost_net::Net;
use serde_json::value::RawValue;

use crate::{
    OctoPrint,
    api::{Call, SECOND_SHAPE},
    commands::shows,
    wire,
    wire::{Line, Lines, Order},
};

const CONNECTION: &str = "/api/connection";
/// What OctoPrint 1.x always uses.
const SERIAL: &str = "serial";

/// What OctoPrint can connect to, and what it is connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionSettings {
    /// OctoPrint's word for the line's state: `Operational`, `Closed` (1.x), `Offline` (2.0), ….
    pub state: String,
    /// The serial port in use.
    pub port: Option<String>,
    /// The baud rate in use.
    pub baudrate: Option<u32>,
    /// The printer profile in use.
    pub profile: Option<String>,
    /// The serial ports there are.
    pub ports: Vec<String>,
    /// The baud rates to choose from.
    pub baudrates: Vec<u32>,
    /// The printer profiles, by id.
    pub profiles: Vec<String>,
    /// The kinds of connection there are, and which one is preferred: only told by 2.0.
    pub connectors: Vec<Connector>,
}

/// A kind of connection of OctoPrint 2.0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connector {
    /// Its name for programs: `serial`, ….
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// It is used by [`Command::ConnectPrinter`].
    pub is_preferred: bool,
    /// Its parameters and what they can be, as JSON.
    pub parameters: String,
}

/// What to connect to. What is not named is left to OctoPrint's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectTo<'a> {
    /// The serial port: one of [`ConnectionSettings::ports`], or `AUTO`.
    pub port: Option<&'a str>,
    /// The baud rate: one of [`ConnectionSettings::baudrates`], or 0 to find it out.
    pub baudrate: Option<u32>,
    /// The printer profile's id.
    pub profile: Option<&'a str>,
    /// Another kind of connection than a serial line, and its parameters as a JSON object: OctoPrint 2.0.
    pub connector: Option<(&'a str, &'a str)>,
}

impl<N: Net> OctoPrint<N> {
    /// What OctoPrint can connect to. `GET /api/connection`, permission STATUS.
    pub async fn connection_settings(&self) -> Result<ConnectionSettings> {
        Ok(settings(self.connection("connection settings").await?))
    }

    /// Opens the line to the printer as told; [`Command::ConnectPrinter`] opens it as OctoPrint prefers. `POST
    /// /api/connection`, permission CONNECTION. A line that is open is closed before; a running print is then lost.
    ///
    /// [`ErrorKind::InvalidInput`] for a port, baud rate or profile that OctoPrint does not know, and for parameters that
    /// are no JSON object; [`ErrorKind::Unsupported`] for a connector before 2.0; [`ErrorKind::Conflict`] when the
    /// connector's conditions are not met. Confirmed when the line is open or being opened.
    pub async fn connect_printer_to(&self, to: ConnectTo<'_>) -> Result<Outcome> {
        let operation = "connect printer";
        let second = self.home(operation).await?.is_second;
        let mut order = Order { printer_profile: to.profile, ..Order::new("connect") };
        let Some((connector, parameters)) = to.connector else {
            (order.port, order.baudrate) = (to.port, to.baudrate);
            return self.open_line(operation, order.json(), false).await;
        };
        if !second {
            return Err(Error::unsupported(operation).with_detail("OctoPrint has connectors since 2.0"));
        }
        let no_object =
            || Error::new(ErrorKind::InvalidInput, operation).with_detail("parameters are a JSON object");
        let parameters: &RawValue = serde_json::from_str(parameters).map_err(|_| no_object())?;
        if !parameters.get().starts_with('{') {
            return Err(no_object());
        }
        (order.connector, order.parameters) = (Some(connector), Some(parameters));
        self.open_line(operation, order.json(), true).await
    }

    /// Without a connector, 2.0 takes every connection for a serial one.
    pub(crate) async fn connect_as_preferred(&self, operation: &'static str) -> Result<Outcome> {
        if self.home(operation).await?.is_second {
            let options = self.connection(operation).await?.options;
            if let Some(preferred) = &options.preferred_connector
                && let Some(connector) = preferred.connector.as_deref().filter(|c| *c != SERIAL)
            {
                let order = Order {
                    connector: Some(connector),
                    parameters: preferred.parameters.as_deref(),
                    ..Order::new("connect")
                };
                return self.open_line(operation, order.json(), true).await;
            }
        }
        self.open_line(operation, Order::new("connect").json(), false).await
    }

    async fn open_line(&self, operation: &'static str, body: Vec<u8>, second_shape: bool) -> Result<Outcome> {
        let mut call = Call::post_json(operation, CONNECTION);
        if second_shape {
            call = call.headers(&[("Content-Type", "application/json"), SECOND_SHAPE]);
        }
        let sent = match self.post_bytes(call, &body).await {
            Ok(response) => {
                response.finish().await;
                Ok(())
            }
            Err(e) => Err(e),
        };
        self.confirm(sent, |status| shows(Command::ConnectPrinter, status.phase)).await
    }

    /// In the shape of 2.0 where there is one: the old one knows of serial lines only.
    async fn connection(&self, operation: &'static str) -> Result<wire::Connection> {
        let bytes = self.get_bytes(Call::get(operation, CONNECTION).headers(&[SECOND_SHAPE])).await?;
        self.parse(operation, &bytes)
    }
}

fn settings(connection: wire::Connection) -> ConnectionSettings {
    let (current, options) = (connection.current, connection.options);
    let Line { port, baudrate } = current.parameters.unwrap_or_default();
    let mut settings = ConnectionSettings {
        state: current.state,
        port: current.port.or(port),
        baudrate: current.baudrate.or(baudrate),
        profile: current.printer_profile.or(current.profile),
        ports: options.ports,
        baudrates: options.baudrates,
        profiles: options.printer_profiles.into_iter().chain(options.profiles).map(|p| p.id).collect(),
        connectors: Vec::new(),
    };
    let preferred = options.preferred_connector.and_then(|p| p.connector);
    for connector in options.connectors {
        let parameters = connector.parameters.as_deref().map_or("{}", RawValue::get);
        if connector.connector == SERIAL
            && let Ok(lines) = serde_json::from_str::<Lines>(parameters)
        {
            (settings.ports, settings.baudrates) = (lines.port, lines.baudrate);
        }
        settings.connectors.push(Connector {
            name: connector.name.unwrap_or_else(|| connector.connector.clone()),
            is_preferred: preferred.as_ref() == Some(&connector.connector),
            parameters: parameters.into(),
            id: connector.connector,
        });
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_tell_the_same_of_a_serial_line() {
        // 1.11.8 and 2.0.0rc7
        let first = r#"{"current":{"baudrate":115200,"port":"VIRTUAL","printerProfile":"_default","state":"Operational"},
            "options":{"baudratePreference":115200,"baudrates":[250000,115200],"portPreference":"VIRTUAL",
            "ports":["/dev/ttyS0","VIRTUAL"],"printerProfiles":[{"id":"_default","name":"Default"}]}}"#;
        let second = r#"{"current":{"state":"Operational","connector":"serial","parameters":{"port":"VIRTUAL",
            "baudrate":115200},"capabilities":{"job_on_hold":true},"profile":"_default"},"options":{"connectors":[
            {"connector":"serial","name":"Serial Connection","parameters":{"baudrate":[250000,115200],
            "port":["/dev/ttyS0","VIRTUAL"]}},{"connector":"bambu","parameters":{"x":[true]}}],
            "preferredConnector":{"connector":"serial","parameters":{}},"preferredProfile":"_default",
            "profiles":[{"id":"_default","name":"Default"}]}}"#;
        let old = settings(serde_json::from_str(first).unwrap());
        let mut new = settings(serde_json::from_str(second).unwrap());
        let connectors = core::mem::take(&mut new.connectors);
        assert_eq!(old, new);
        assert_eq!((old.port.as_deref(), &old.baudrates[..]), (Some("VIRTUAL"), &[250_000, 115_200][..]));
        let told: Vec<_> =
            connectors.iter().map(|c| (c.id.as_str(), c.name.as_str(), c.is_preferred)).collect();
        assert_eq!(told, [("serial", "Serial Connection", true), ("bambu", "bambu", false)]);
        assert_eq!(connectors[1].parameters, r#"{"x":[true]}"#);
        let closed =
            r#"{"current":{"state":"Offline","port":null,"parameters":{},"profile":null},"options":{}}"#;
        assert_eq!(settings(serde_json::from_str(closed).unwrap()).port, None);
    }
}
