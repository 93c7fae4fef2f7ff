//! How the two servers of a printer behave, which differs between models and versions.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::model::BambuModel;

/// Who has to go when there are too many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BambuOverLimit {
    /// Who comes last.
    Newest,
    /// Who came first.
    Oldest,
}

/// How the MQTT broker behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BambuMqtt {
    /// How many connections are served at once. Default: 4.
    pub connections: usize,
    /// Who has to go beyond that. Default: the newest.
    pub over_limit: BambuOverLimit,
    /// For how long a connection that broke off still counts. Default: not at all.
    pub stale_for: Duration,
    /// A subscription to another printer's reports ends the connection, instead of being confirmed and staying silent.
    /// Default: false.
    pub closes_on_wrong_serial: bool,
    /// A subscription to requests resets the connection. Default: true on a P1S and an A1 mini.
    pub resets_on_request_topic: bool,
    /// How long the confirmation of a publish (QoS 1) takes. Default: 0.
    pub puback_delay: Duration,
}

impl BambuMqtt {
    /// As this model's.
    pub fn of(model: BambuModel) -> Self {
        Self {
            connections: 4,
            over_limit: BambuOverLimit::Newest,
            stale_for: Duration::ZERO,
            closes_on_wrong_serial: false,
            resets_on_request_topic: matches!(model, BambuModel::P1s | BambuModel::A1Mini),
            puback_delay: Duration::ZERO,
        }
    }
}

/// What a server makes of TLS sessions that a client brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BambuSessions {
    /// None is ever resumed.
    Never,
    /// Data channels may resume the session of their control channel.
    Accepted,
    /// They must: 522 otherwise.
    Required,
}

/// How the FTPS server behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BambuFtps {
    /// What it says first, after `220 `.
    pub banner: String,
    /// Offers TLS 1.3 besides 1.2. Default: false.
    pub tls13: bool,
    /// What it makes of TLS sessions. Default: none resumed on a P1S and an A1 mini, accepted on an X1C, required otherwise.
    pub sessions: BambuSessions,
    /// The address in the answer to `PASV`, which need not be the printer's. Default: 0.0.0.0.
    pub passive_address: Ipv4Addr,
    /// Knows `EPSV`. Default: on models with vsftpd.
    pub epsv: bool,
    /// Data channels work without TLS only: with it the handshake is never answered. Default: false.
    pub clear_data_only: bool,
    /// Says farewell (close_notify) on its data channels, whichever way the data goes. Default: false.
    pub close_notify: bool,
    /// Knows `MKD`, `RMD`, `RNFR`, `RNTO`. Default: true.
    pub changes_folders: bool,
    /// `NLST` gives whole paths. Default: on an X1C.
    pub lists_paths: bool,
    /// Takes every TLS record for a whole command, and understands nothing any more after one that was not. Default: on a P1S.
    pub command_per_record: bool,
    /// Ends a connection without a word after so much time without a command. Default: 5 minutes.
    pub idle: Duration,
    /// The most bytes of files per second. Default: no limit.
    pub bytes_per_second: Option<u64>,
    /// How long the confirmation of a whole upload takes. Default: 0.
    pub completion_delay: Duration,
}

impl BambuFtps {
    /// As this model's.
    pub fn of(model: BambuModel) -> Self {
        let is_small = matches!(model, BambuModel::P1s | BambuModel::A1Mini);
        let sessions = match model {
            BambuModel::P1s | BambuModel::A1Mini => BambuSessions::Never,
            BambuModel::X1c => BambuSessions::Accepted,
            _ => BambuSessions::Required,
        };
        Self {
            banner: if is_small { "FTP server ready" } else { "(vsFTPd 3.0.5)" }.to_owned(),
            tls13: false,
            sessions,
            passive_address: Ipv4Addr::UNSPECIFIED,
            epsv: !is_small,
            clear_data_only: false,
            close_notify: false,
            changes_folders: true,
            lists_paths: model == BambuModel::X1c,
            command_per_record: model == BambuModel::P1s,
            idle: Duration::from_secs(300),
            bytes_per_second: None,
            completion_delay: Duration::ZERO,
        }
    }
}
