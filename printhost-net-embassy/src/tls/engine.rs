//! mbedTLS as a TLS client without input or output: bytes from the network go in ([`Engine::room`],
//! [`Engine::received`]), bytes for it come out ([`Engine::outgoing`], [`Engine::sent`]).
//!
//! The only module of this crate with `unsafe`. It exists because `mbedtls-rs` 0.3 offers no named halves of a
//! session, no write that survives being dropped, no certificate of the peer, and no TLS 1.3 tickets.

// Sound, in six parts:
// - Memory: every C structure lives in an `Owned`, at one address from `mbedtls_calloc` until drop, initialised and
//   freed by mbedTLS' own pair of functions. All-zero bytes are valid for each of them and for `Wire`.
// - Lifetimes: what C remembers a pointer to (the configuration, the authorities, the wire, the judge) is a field
//   of the engine declared after the context, so it is freed after it. The authorities are only taken away earlier
//   together with the pointer to them. Names and saved sessions are copied by C. The judge points back to the context,
//   and is called by nothing else.
// - Aliasing: C structures are reached through raw pointers only. A reference into the wire is formed either inside
//   a callback, while C runs and no method holds one, or in a method that calls no C while it holds it; `&mut self`
//   keeps these apart.
// - Threads: a raw pointer makes the engine neither `Send` nor `Sync`.
// - Allocation: `calloc` and `free` are the firmware's, as C knows them; both come from there.
// - Callbacks: they do not unwind; the lengths C gives are those of its own buffers, and it is given null only with
//   a length of 0, which both of the wire answer before they look at the pointer. The judge's is given a certificate
//   that C has read, whose lists end in null, and keeps nothing of it.
#![allow(unsafe_code)]

use alloc::{ffi::CString, vec::Vec};
use core::{
    ffi::{CStr, c_int, c_uchar, c_void},
    mem,
    net::IpAddr,
    ptr::{NonNull, null, null_mut},
    slice,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use mbedtls_rs::sys;
use printhost_net::proto::date::unix_time;

use super::{Date, TlsFailure};

/// What mbedTLS holds for a record in each direction.
pub(super) const RECORDS: usize =
    (sys::MBEDTLS_SSL_IN_CONTENT_LEN + sys::MBEDTLS_SSL_OUT_CONTENT_LEN) as usize;

/// How much the network may deliver at a time.
const INCOMING: usize = 1024;
/// The most plain bytes in a record of ours. Pieces of an upload are as large.
const RECORD: usize = 2048;
/// A record of ours, encrypted, and a few alerts.
const OUTGOING: usize = RECORD + 512;
/// The largest session that is worth keeping: TLS 1.3 allows tickets of 64 KiB, servers make them of 200 bytes.
pub(super) const SESSION: usize = 512;

/// Where a server shows that it has its certificate's key: by TLS 1.2, and by 1.3.
const PROOFS: [sys::mbedtls_ssl_states; 2] = [
    sys::mbedtls_ssl_states_MBEDTLS_SSL_SERVER_KEY_EXCHANGE,
    sys::mbedtls_ssl_states_MBEDTLS_SSL_CERTIFICATE_VERIFY,
];

/// Servers send two at a time.
const TICKETS: usize = 2;

/// Whom to believe.
#[derive(Clone, Copy)]
pub(super) enum Verify<'a> {
    /// A certificate that one of these authorities (DER, or PEM) has signed, for the name or address connected to.
    Host { authorities: &'a [u8] },
    /// The same, for exactly the name, wherever it stands.
    Device { authorities: &'a [u8] },
    /// Nothing is judged here: the caller compares [`Engine::peer_key`]. The peer must still prove to have the key.
    Key(&'a [u8; 32]),
    /// Whoever answers.
    Nothing,
}

/// Who should answer, and how.
pub(super) struct Expected<'a> {
    /// Told to the peer.
    pub(super) name: &'a str,
    pub(super) verify: Verify<'a>,
    /// No TLS but 1.2.
    pub(super) only_12: bool,
    /// Since 1970, if the day is known.
    pub(super) time: Option<Duration>,
}

/// A session to be resumed.
#[derive(Clone)]
pub(super) struct Saved {
    /// As mbedTLS writes it, without the peer's certificate.
    pub(super) bytes: Vec<u8>,
    /// The key of the peer, from the handshake in which it proved to have it.
    pub(super) peer_key: [u8; 32],
    /// TLS 1.3 tickets should be used once (RFC 8446, C.4).
    pub(super) once: bool,
}

/// One TLS connection.
pub(super) struct Engine {
    context: Owned<sys::mbedtls_ssl_context>,
    config: Owned<sys::mbedtls_ssl_config>,
    authorities: Option<Owned<sys::mbedtls_x509_crt>>,
    wire: Owned<Wire>,
    judge: Owned<Judge>,
    /// The address to be found in the certificate, until mbedTLS knows it.
    address: Option<CString>,
    resumed_key: Option<[u8; 32]>,
    peer_key: Option<[u8; 32]>,
    fresh: Vec<Saved>,
    /// The peer has said goodbye: what comes after it is not the peer's word any more.
    closed: bool,
}

impl Engine {
    /// A client that is about to say hello.
    pub(super) fn new(expected: &Expected<'_>, saved: Option<&Saved>) -> Result<Self, TlsFailure> {
        let name = CString::new(expected.name).map_err(|_| TlsFailure::Name)?;
        let mut engine = Self {
            context: Owned::new()?,
            config: Owned::new()?,
            authorities: None,
            wire: Owned::new()?,
            judge: Owned::new()?,
            address: None,
            resumed_key: None,
            peer_key: None,
            fresh: Vec::new(),
            closed: false,
        };
        engine.configure(expected)?;
        let (context, config) = (engine.context.as_ptr(), engine.config.as_ptr());
        unsafe {
            check(sys::mbedtls_ssl_setup(context, config))?;
            let wire = engine.wire.as_ptr().cast();
            sys::mbedtls_ssl_set_bio(context, wire, Some(send), Some(receive), None);
        }
        // The name is told to the server, an address must not be (RFC 6066, 3).
        match expected.name.parse::<IpAddr>() {
            Ok(_) => unsafe {
                check(sys::mbedtls_ssl_set_hostname(context, null()))?;
                engine.address = Some(name);
            },
            Err(_) => unsafe {
                check(sys::mbedtls_ssl_set_hostname(context, name.as_ptr())).map_err(|e| match e {
                    TlsFailure::OutOfMemory => e,
                    _ => TlsFailure::Name,
                })?;
            },
        }
        if let Some(saved) = saved
            && engine.resume(&saved.bytes).is_ok()
        {
            engine.resumed_key = Some(saved.peer_key);
        }
        Ok(engine)
    }

    fn configure(&mut self, expected: &Expected<'_>) -> Result<(), TlsFailure> {
        let config = self.config.as_ptr();
        unsafe {
            check(sys::mbedtls_ssl_config_defaults(
                config,
                sys::MBEDTLS_SSL_IS_CLIENT as c_int,
                sys::MBEDTLS_SSL_TRANSPORT_STREAM as c_int,
                sys::MBEDTLS_SSL_PRESET_DEFAULT as c_int,
            ))?;
            sys::mbedtls_ssl_conf_rng(config, Some(random), null_mut());
            // A resumed session gets keys of its own, too.
            sys::mbedtls_ssl_conf_tls13_key_exchange_modes(
                config,
                sys::MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL as c_int,
            );
            sys::mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
                config,
                sys::MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED as c_int,
            );
        }
        if expected.only_12 {
            // `mbedtls_ssl_conf_max_tls_version` is inline in C, and nothing else.
            let last = sys::mbedtls_ssl_protocol_version_MBEDTLS_SSL_VERSION_TLS1_2;
            unsafe { (*config).private_max_tls_version = last };
        }
        let mode = match expected.verify {
            Verify::Host { authorities } | Verify::Device { authorities } => {
                let authorities = parse(authorities)?;
                let judge = Judge {
                    context: self.context.as_ptr(),
                    is_exact: matches!(expected.verify, Verify::Device { .. }),
                    time: expected.time.map_or(0, |time| time.as_secs() as i64),
                    date: [0; 3],
                };
                unsafe {
                    self.judge.as_ptr().write(judge);
                    sys::mbedtls_ssl_conf_ca_chain(config, authorities.as_ptr(), null_mut());
                    sys::mbedtls_ssl_conf_verify(config, Some(judge_one), self.judge.as_ptr().cast());
                }
                self.authorities = Some(authorities);
                sys::MBEDTLS_SSL_VERIFY_REQUIRED
            }
            Verify::Key(_) | Verify::Nothing => sys::MBEDTLS_SSL_VERIFY_OPTIONAL,
        };
        unsafe { sys::mbedtls_ssl_conf_authmode(config, mode as c_int) };
        Ok(())
    }

    fn resume(&mut self, saved: &[u8]) -> Result<(), TlsFailure> {
        let session = Owned::<sys::mbedtls_ssl_session>::new()?;
        unsafe {
            check(sys::mbedtls_ssl_session_load(session.as_ptr(), saved.as_ptr(), saved.len()))?;
            check(sys::mbedtls_ssl_set_session(self.context.as_ptr(), session.as_ptr()))?;
        }
        Ok(())
    }

    /// Goes on with the handshake as far as the bytes received allow; true once it is over. What is
    /// [`outgoing`](Self::outgoing) must be sent either way, also after an error.
    pub(super) fn handshake(&mut self) -> Result<bool, TlsFailure> {
        let context = self.context.as_ptr();
        loop {
            let state = unsafe { (*context).private_state } as sys::mbedtls_ssl_states;
            if state == sys::mbedtls_ssl_states_MBEDTLS_SSL_HANDSHAKE_OVER {
                self.handshake_is_over()?;
                return Ok(true);
            }
            if state == sys::mbedtls_ssl_states_MBEDTLS_SSL_SERVER_CERTIFICATE
                && let Some(address) = self.address.take()
            {
                unsafe { check(sys::mbedtls_ssl_set_hostname(context, address.as_ptr()))? };
            }
            REFUSED.store(false, Relaxed);
            match unsafe { sys::mbedtls_ssl_handshake_step(context) } {
                0 => {}
                sys::MBEDTLS_ERR_SSL_WANT_READ if self.has_more() => {}
                sys::MBEDTLS_ERR_SSL_WANT_READ | sys::MBEDTLS_ERR_SSL_WANT_WRITE => return Ok(false),
                // A certificate that could not be checked for want of memory is told as one that is not trusted.
                _ if REFUSED.load(Relaxed) => return Err(TlsFailure::OutOfMemory),
                code => {
                    let flags = unsafe { sys::mbedtls_ssl_get_verify_result(context) };
                    let date = unsafe { (*self.judge.as_ptr()).date };
                    return Err(match TlsFailure::of_handshake(code, flags, Date(date)) {
                        TlsFailure::Protocol(code) if PROOFS.contains(&state) => TlsFailure::of_proof(code),
                        failure => failure,
                    });
                }
            }
        }
    }

    /// Keeps the peer's key and the session, and gives back what was for the handshake only.
    fn handshake_is_over(&mut self) -> Result<(), TlsFailure> {
        if self.peer_key.is_some() {
            return Ok(());
        }
        unsafe {
            let certificate = sys::mbedtls_ssl_get_peer_cert(self.context.as_ptr());
            self.peer_key = Some(match (certificate.is_null(), self.resumed_key) {
                // A saved session has no certificate, so this one is of a full handshake.
                (false, _) if self.authorities.is_some() && self.address.is_some() => {
                    return Err(TlsFailure::Untrusted("the certificate was not looked at"));
                }
                (false, _) => {
                    let key = &(*certificate).pk_raw;
                    sha256(slice::from_raw_parts(key.p, key.len))?
                }
                (true, Some(key)) => key,
                (true, None) => return Err(TlsFailure::Untrusted("the host has shown no certificate")),
            });
            if !certificate.is_null() {
                let session = (*self.context.as_ptr()).private_session;
                let certificate = mem::replace(&mut (*session).private_peer_cert, null_mut());
                sys::mbedtls_x509_crt_free(certificate);
                sys::mbedtls_free(certificate.cast());
            }
            sys::mbedtls_ssl_conf_ca_chain(self.config.as_ptr(), null_mut(), null_mut());
        }
        self.authorities = None;
        self.address = None;
        self.keep_session();
        Ok(())
    }

    /// SHA-256 of the peer's public key (SubjectPublicKeyInfo), once the handshake is over.
    pub(super) fn peer_key(&self) -> Option<[u8; 32]> {
        self.peer_key
    }

    /// A session that can be resumed, when there is a new one: after a TLS 1.2 handshake, and for each TLS 1.3 ticket
    /// that has arrived.
    pub(super) fn fresh_session(&mut self) -> Option<Saved> {
        self.fresh.pop()
    }

    /// Not having the memory for it is no reason to fail.
    fn keep_session(&mut self) {
        let Some(peer_key) = self.peer_key else { return };
        if self.fresh.len() >= TICKETS || self.fresh.try_reserve_exact(1).is_err() {
            return;
        }
        let Ok(session) = Owned::<sys::mbedtls_ssl_session>::new() else { return };
        let mut len = 0;
        unsafe {
            if sys::mbedtls_ssl_get_session(self.context.as_ptr(), session.as_ptr()) != 0 {
                return;
            }
            let kept = &*session.as_ptr();
            let once =
                kept.private_tls_version == sys::mbedtls_ssl_protocol_version_MBEDTLS_SSL_VERSION_TLS1_3;
            if kept.private_ticket_len == 0 && (once || kept.private_id_len == 0) {
                return;
            }
            sys::mbedtls_ssl_session_save(session.as_ptr(), null_mut(), 0, &mut len);
            let mut bytes = Vec::new();
            if len > SESSION || bytes.try_reserve_exact(len).is_err() {
                return;
            }
            bytes.resize(len, 0);
            if sys::mbedtls_ssl_session_save(session.as_ptr(), bytes.as_mut_ptr(), len, &mut len) == 0 {
                self.fresh.push(Saved { bytes, peer_key, once });
            }
        }
    }

    /// Takes plain bytes; `None` when more must be received first, 0 when the peer has closed the connection (or
    /// `buf` is empty).
    pub(super) fn read(&mut self, buf: &mut [u8]) -> Result<Option<usize>, TlsFailure> {
        while !self.closed {
            let code = unsafe { sys::mbedtls_ssl_read(self.context.as_ptr(), buf.as_mut_ptr(), buf.len()) };
            match code {
                1.. => return Ok(Some(code as usize)),
                sys::MBEDTLS_ERR_SSL_WANT_READ if self.has_more() => {}
                sys::MBEDTLS_ERR_SSL_WANT_READ => return Ok(None),
                sys::MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET => self.keep_session(),
                sys::MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY => self.closed = true,
                // mbedTLS takes the end of the transport for an end; without the peer's word it is none.
                0 if self.has_ended() => return Err(TlsFailure::Cut),
                0 if buf.is_empty() && self.has_plain() => return Ok(Some(0)),
                0 => {} // a record without bytes
                _ => return Err(TlsFailure::of(code)),
            }
        }
        Ok(Some(0))
    }

    /// Encrypts some of `plain` and says how much. 0 when what is outgoing must be sent first.
    pub(super) fn write(&mut self, plain: &[u8]) -> Result<usize, TlsFailure> {
        let most = unsafe { sys::mbedtls_ssl_get_max_out_record_payload(self.context.as_ptr()) };
        let most = usize::try_from(most).map_err(|_| TlsFailure::of(most))?;
        let plain = &plain[..plain.len().min(RECORD).min(most)];
        if plain.is_empty() || !self.outgoing().is_empty() || self.is_stuck() {
            return self.unstick().map(|()| 0);
        }
        loop {
            let context = self.context.as_ptr();
            match unsafe { sys::mbedtls_ssl_write(context, plain.as_ptr(), plain.len()) } {
                // The whole record is encrypted; what did not fit is in mbedTLS' own buffer.
                sys::MBEDTLS_ERR_SSL_WANT_WRITE => return Ok(plain.len()),
                sys::MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET => self.keep_session(),
                code @ 1.. => return Ok(code as usize),
                code => return Err(TlsFailure::of(code)),
            }
        }
    }

    /// Says goodbye.
    pub(super) fn close(&mut self) {
        unsafe { sys::mbedtls_ssl_close_notify(self.context.as_ptr()) };
    }

    /// Bytes for the network.
    pub(super) fn outgoing(&self) -> &[u8] {
        let wire = unsafe { self.wire.0.as_ref() };
        &wire.outgoing[wire.sent..wire.queued]
    }

    /// The network has taken the first `n` bytes of [`outgoing`](Self::outgoing).
    pub(super) fn sent(&mut self, n: usize) -> Result<(), TlsFailure> {
        let wire = unsafe { self.wire.0.as_mut() };
        wire.sent = (wire.sent + n).min(wire.queued);
        if wire.sent == wire.queued {
            (wire.sent, wire.queued) = (0, 0);
            self.unstick()?;
        }
        Ok(())
    }

    /// Whether mbedTLS holds encrypted bytes that did not fit into the wire.
    fn is_stuck(&self) -> bool {
        unsafe { (*self.context.as_ptr()).private_out_left != 0 }
    }

    /// Moves such bytes on.
    fn unstick(&mut self) -> Result<(), TlsFailure> {
        if !self.is_stuck() {
            return Ok(());
        }
        // With a record pending, this function flushes it and does nothing else.
        match unsafe { sys::mbedtls_ssl_send_alert_message(self.context.as_ptr(), 0, 0) } {
            0 | sys::MBEDTLS_ERR_SSL_WANT_WRITE => Ok(()),
            code => Err(TlsFailure::of(code)),
        }
    }

    /// Where bytes from the network go.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let wire = unsafe { self.wire.0.as_mut() };
        wire.incoming.copy_within(wire.read..wire.filled, 0);
        (wire.read, wire.filled) = (0, wire.filled - wire.read);
        &mut wire.incoming[wire.filled..]
    }

    /// The network has put `n` bytes into [`room`](Self::room); 0 is its end.
    pub(super) fn received(&mut self, n: usize) {
        let wire = unsafe { self.wire.0.as_mut() };
        wire.filled = (wire.filled + n).min(INCOMING);
        wire.ended |= n == 0;
    }

    /// Works through what was received, and says whether that leaves neither plain bytes nor an end. Tickets and the
    /// like are taken in.
    pub(super) fn is_drained(&mut self) -> bool {
        matches!(self.read(&mut []), Ok(None))
    }

    /// Whether a part of a record was received.
    pub(super) fn is_within_record(&self) -> bool {
        unsafe { (*self.context.as_ptr()).private_in_left != 0 }
    }

    fn has_plain(&self) -> bool {
        unsafe { sys::mbedtls_ssl_check_pending(self.context.as_ptr()) != 0 }
    }

    fn has_ended(&self) -> bool {
        let wire = unsafe { self.wire.0.as_ref() };
        wire.ended && wire.read == wire.filled
    }

    /// Whether a call that wants to read has something to read.
    fn has_more(&self) -> bool {
        let wire = unsafe { self.wire.0.as_ref() };
        wire.read < wire.filled || wire.ended || self.has_plain()
    }
}

/// Makes mbedTLS ready. Call it before anything else here, and while nothing of mbedTLS has memory.
pub(super) fn start() -> Result<(), TlsFailure> {
    unsafe {
        check(sys::mbedtls_platform_set_calloc_free(Some(watched_calloc), Some(free)))?;
        check(sys::psa_crypto_init())
    }
}

/// Whether C was refused memory; set to false before that is of interest.
static REFUSED: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    fn calloc(count: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

unsafe extern "C" fn watched_calloc(count: usize, size: usize) -> *mut c_void {
    let memory = unsafe { calloc(count, size) };
    if memory.is_null() {
        REFUSED.store(true, Relaxed);
    }
    memory
}

/// SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> Result<[u8; 32], TlsFailure> {
    let mut hash = [0; 32];
    check(unsafe { sys::mbedtls_sha256(bytes.as_ptr(), bytes.len(), hash.as_mut_ptr(), 0) })?;
    Ok(hash)
}

/// The heap that [`parse`] takes at most, in bytes: a certificate is kept as it is, with lists of what is in it; one that is
/// longer has more of these. PEM is copied for C, and takes three quarters of itself as DER.
pub(super) fn read_memory(authorities: &[u8]) -> usize {
    match is_pem(authorities) {
        true => 4 * authorities.len() + 512,
        false => 2 * authorities.len() + 256,
    }
}

fn is_pem(authorities: &[u8]) -> bool {
    authorities.trim_ascii_start().starts_with(b"-----")
}

/// Reads authorities: one certificate as DER, or any number as PEM.
fn parse(bytes: &[u8]) -> Result<Owned<sys::mbedtls_x509_crt>, TlsFailure> {
    let chain = Owned::<sys::mbedtls_x509_crt>::new()?;
    let failed = if is_pem(bytes) {
        let mut text = Vec::new();
        text.try_reserve_exact(bytes.len() + 1).map_err(|_| TlsFailure::OutOfMemory)?;
        text.extend_from_slice(bytes);
        text.push(0); // how C knows PEM from DER
        unsafe { sys::mbedtls_x509_crt_parse(chain.as_ptr(), text.as_ptr(), text.len()) }
    } else {
        unsafe { sys::mbedtls_x509_crt_parse_der(chain.as_ptr(), bytes.as_ptr(), bytes.len()) }
    };
    match failed {
        0 => Ok(chain),
        1.. => Err(TlsFailure::Authority), // so many of several are no certificates
        code => Err(match TlsFailure::of(code) {
            TlsFailure::OutOfMemory => TlsFailure::OutOfMemory,
            _ => TlsFailure::Authority,
        }),
    }
}

fn check(code: c_int) -> Result<(), TlsFailure> {
    match code {
        0 => Ok(()),
        code => Err(TlsFailure::of(code)),
    }
}

/// Between the network and mbedTLS, which sees it in the callbacks below.
struct Wire {
    /// `read..filled` is received and not yet taken.
    incoming: [u8; INCOMING],
    read: usize,
    filled: usize,
    ended: bool,
    /// `sent..queued` waits for the network.
    outgoing: [u8; OUTGOING],
    sent: usize,
    queued: usize,
}

unsafe extern "C" fn receive(wire: *mut c_void, into: *mut c_uchar, len: usize) -> c_int {
    let wire = unsafe { &mut *wire.cast::<Wire>() };
    let n = len.min(wire.filled - wire.read);
    if n == 0 {
        return if wire.ended { 0 } else { sys::MBEDTLS_ERR_SSL_WANT_READ };
    }
    let into = unsafe { slice::from_raw_parts_mut(into, n) };
    into.copy_from_slice(&wire.incoming[wire.read..wire.read + n]);
    wire.read += n;
    n as c_int
}

unsafe extern "C" fn send(wire: *mut c_void, from: *const c_uchar, len: usize) -> c_int {
    let wire = unsafe { &mut *wire.cast::<Wire>() };
    let n = len.min(OUTGOING - wire.queued);
    if n == 0 {
        return sys::MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    let from = unsafe { slice::from_raw_parts(from, n) };
    wire.outgoing[wire.queued..wire.queued + n].copy_from_slice(from);
    wire.queued += n;
    n as c_int
}

/// What certificates are judged by beside the rules of mbedTLS, which sees it in the callback below.
struct Judge {
    /// Knows the name.
    context: *const sys::mbedtls_ssl_context,
    /// Whether the name must be exactly this one, wherever it stands; else mbedTLS compares.
    is_exact: bool,
    /// Seconds since 1970, or 0.
    time: i64,
    /// Which date was the wrong one.
    date: [i32; 3],
}

/// Called for each certificate on the way from the authority to the peer's own, which has depth 0.
unsafe extern "C" fn judge_one(
    judge: *mut c_void,
    certificate: *mut sys::mbedtls_x509_crt,
    depth: c_int,
    flags: *mut u32,
) -> c_int {
    let (judge, certificate, flags) = unsafe { (&mut *judge.cast::<Judge>(), &*certificate, &mut *flags) };
    if judge.time != 0 {
        let seconds =
            |it: &sys::mbedtls_x509_time| unix_time([it.year, it.mon, it.day], [it.hour, it.min, it.sec]);
        let (from, to) = (&certificate.valid_from, &certificate.valid_to);
        if judge.time < seconds(from) {
            *flags |= sys::MBEDTLS_X509_BADCERT_FUTURE;
            judge.date = [from.year, from.mon, from.day];
        } else if judge.time > seconds(to) {
            *flags |= sys::MBEDTLS_X509_BADCERT_EXPIRED;
            judge.date = [to.year, to.mon, to.day];
        }
    }
    if depth == 0 && judge.is_exact {
        let name = unsafe { (*judge.context).private_hostname };
        *flags |= sys::MBEDTLS_X509_BADCERT_CN_MISMATCH;
        if !name.is_null() && unsafe { is_for(certificate, CStr::from_ptr(name).to_bytes()) } {
            *flags &= !sys::MBEDTLS_X509_BADCERT_CN_MISMATCH;
        }
    }
    0
}

/// Whether a common name, or a name of the SAN, is exactly this one. The certificate is one that C has read.
unsafe fn is_for(certificate: &sys::mbedtls_x509_crt, name: &[u8]) -> bool {
    const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
    const DNS_NAME: c_int = 0x82;
    let is = |buf: &sys::mbedtls_x509_buf, bytes: &[u8]| {
        !buf.p.is_null() && unsafe { slice::from_raw_parts(buf.p, buf.len) } == bytes
    };
    let mut part = &raw const certificate.subject;
    while let Some(named) = unsafe { part.as_ref() } {
        if is(&named.oid, &COMMON_NAME) && is(&named.val, name) {
            return true;
        }
        part = named.next;
    }
    let mut next = &raw const certificate.subject_alt_names;
    while let Some(alternative) = unsafe { next.as_ref() } {
        if alternative.buf.tag == DNS_NAME && is(&alternative.buf, name) {
            return true;
        }
        next = alternative.next;
    }
    false
}

/// From the source of `mbedtls_rs::Tls`, by the way PSA takes there.
unsafe extern "C" fn random(_: *mut c_void, into: *mut c_uchar, len: usize) -> c_int {
    unsafe { sys::psa_generate_random(into, len) }
}

/// A structure of C, with the functions that make and unmake its inside.
trait Inside {
    const INIT: unsafe extern "C" fn(*mut Self);
    const FREE: unsafe extern "C" fn(*mut Self);
}

macro_rules! inside {
    ($name:ty, $init:expr, $free:expr) => {
        impl Inside for $name {
            const INIT: unsafe extern "C" fn(*mut Self) = $init;
            const FREE: unsafe extern "C" fn(*mut Self) = $free;
        }
    };
}

inside!(sys::mbedtls_ssl_context, sys::mbedtls_ssl_init, sys::mbedtls_ssl_free);
inside!(sys::mbedtls_ssl_config, sys::mbedtls_ssl_config_init, sys::mbedtls_ssl_config_free);
inside!(sys::mbedtls_ssl_session, sys::mbedtls_ssl_session_init, sys::mbedtls_ssl_session_free);
inside!(sys::mbedtls_x509_crt, sys::mbedtls_x509_crt_init, sys::mbedtls_x509_crt_free);
inside!(Wire, nothing, nothing);
inside!(Judge, nothing, nothing);

/// All zeros is an empty wire, and a judge of nothing.
unsafe extern "C" fn nothing<T>(_: *mut T) {}

/// A structure in mbedTLS' heap.
struct Owned<T: Inside>(NonNull<T>);

impl<T: Inside> Owned<T> {
    fn new() -> Result<Self, TlsFailure> {
        let memory = unsafe { sys::mbedtls_calloc(1, size_of::<T>()) };
        let at = NonNull::new(memory.cast::<T>()).ok_or(TlsFailure::OutOfMemory)?;
        unsafe { T::INIT(at.as_ptr()) };
        Ok(Self(at))
    }

    fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T: Inside> Drop for Owned<T> {
    fn drop(&mut self) {
        unsafe {
            T::FREE(self.as_ptr());
            sys::mbedtls_free(self.as_ptr().cast());
        }
    }
}
