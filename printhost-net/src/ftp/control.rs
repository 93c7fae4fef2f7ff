//! The control connection.

use alloc::{
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};
use core::net::SocketAddr;

use embedded_io_async::{Read, Write};
use printhost_core::{Error, ErrorKind, Result, within};

use crate::{
    Conn, Net,
    proto::ftp::{Command, Reply, ReplyDecoder},
};

/// How much is read at a time.
pub(super) const INBOX: usize = 256;

/// Commands out, replies in. It is given up when either is broken off, since nobody knows then what a reply is for.
pub(super) struct Control<C> {
    conn: C,
    replies: Replies,
}

impl<C: Conn> Control<C> {
    pub(super) const fn new(conn: C) -> Self {
        Self { conn, replies: Replies::new() }
    }

    /// Sends a command and waits for its reply.
    pub(super) async fn ask<N: Net>(
        &mut self,
        net: &N,
        operation: &'static str,
        command: Command<'_>,
    ) -> Result<Reply> {
        self.replies.wants_mark = false;
        self.send(net, operation, command).await
    }

    /// As `ask`, but a preliminary reply is one too: that a transfer begins.
    pub(super) async fn announced<N: Net>(
        &mut self,
        net: &N,
        operation: &'static str,
        command: Command<'_>,
    ) -> Result<Reply> {
        self.replies.wants_mark = true;
        self.send(net, operation, command).await
    }

    /// What the server has said already is no answer to what it is asked now, and nobody knows what else is still to come.
    async fn send<N: Net>(
        &mut self,
        net: &N,
        operation: &'static str,
        command: Command<'_>,
    ) -> Result<Reply> {
        if !self.replies.is_empty() || !self.conn.is_quiet() {
            return Err(Error::new(ErrorKind::Disconnected, operation)
                .with_detail("the server has closed the connection, or speaks without being asked"));
        }
        send(net, operation, &mut self.conn, command).await?;
        self.reply(net, operation).await
    }

    /// The next reply.
    pub(super) async fn reply<N: Net>(&mut self, net: &N, operation: &'static str) -> Result<Reply> {
        let limit = net.parts().limits().answer;
        let next = self.replies.next(&mut self.conn);
        let reply = within(net.parts().clock(), limit, operation, next).await;
        reply.map_err(|error| match error.kind() {
            ErrorKind::Timeout => Error::new(ErrorKind::Timeout, operation)
                .with_detail(format_args!("no reply for {} s", limit.as_secs())),
            _ => error.in_operation(operation),
        })
    }

    /// Where the server is, as a host to connect to.
    pub(super) fn host(&self) -> Option<String> {
        let peer = self.conn.peer()?;
        Some(match peer {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => peer.ip().to_canonical().to_string(),
        })
    }

    /// Both directions at once.
    pub(super) async fn split(&mut self) -> Result<(C::Writer<'_>, C::Reader<'_>, &mut Replies)> {
        let (reader, writer) = self.conn.split().await.map_err(broke)?;
        Ok((writer, reader, &mut self.replies))
    }
}

/// Sends a command, in one write.
pub(super) async fn send<N: Net>(
    net: &N,
    operation: &'static str,
    to: &mut impl Write,
    command: Command<'_>,
) -> Result<()> {
    let line = command.encode(operation)?;
    let sent = async {
        to.write_all(line.as_bytes()).await.map_err(broke)?;
        to.flush().await.map_err(broke)
    };
    let limit = net.parts().limits().stall;
    within(net.parts().clock(), limit, operation, sent).await.map_err(|e| e.in_operation(operation))
}

/// What was read and not yet used.
pub(super) struct Replies {
    decoder: ReplyDecoder,
    inbox: Vec<u8>,
    at: usize,
    /// The next reply may be a preliminary one.
    wants_mark: bool,
}

impl Replies {
    const fn new() -> Self {
        Self { decoder: ReplyDecoder::new(), inbox: Vec::new(), at: 0, wants_mark: false }
    }

    fn is_empty(&self) -> bool {
        self.at == self.inbox.len() && self.decoder.is_at_start()
    }

    /// The next reply. Preliminary ones are passed over: one at most is waited for, and some servers say it twice.
    pub(super) async fn next(&mut self, from: &mut impl Read) -> Result<Reply> {
        loop {
            let (used, reply) = self.decoder.decode(&self.inbox[self.at..])?;
            self.at += used;
            match reply {
                Some(reply) if reply.is_preliminary() && !self.wants_mark => continue,
                Some(reply) => {
                    self.wants_mark = false;
                    return Ok(reply);
                }
                None => {}
            }
            if self.inbox.capacity() == 0 {
                self.inbox = vec![0; INBOX];
            }
            self.inbox.resize(INBOX, 0);
            self.at = 0;
            let n = from.read(&mut self.inbox).await;
            self.inbox.truncate(*n.as_ref().unwrap_or(&0));
            if n.map_err(broke)? == 0 {
                return Err(Error::new(ErrorKind::Disconnected, "ftp")
                    .with_detail("the server closed the control connection"));
            }
        }
    }
}

pub(super) fn broke<E: core::error::Error>(error: E) -> Error {
    Error::new(ErrorKind::Disconnected, "ftp").with_detail(error)
}
