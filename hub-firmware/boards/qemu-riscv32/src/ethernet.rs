//! The virtio network card as a driver for embassy-net.
//!
//! Frames are not copied: a received one is lent to the network stack in the buffer the card
//! wrote it to, and one to send is composed in the buffer the card reads it from.

// Sound: the card owns a buffer from `*_begin` to `*_complete`. In between its entry in `receiving`
// or `sending` is `Some`, and no reference to its bytes is formed.
#![allow(unsafe_code)]

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use static_cell::ConstStaticCell;
use virtio_drivers::{
    device::net::VirtIONetRaw,
    transport::{DeviceType, mmio::MmioTransport},
};

use crate::{
    interrupts,
    virtio::{self, Dma},
};

/// The most frames that can wait to be received. Also the size of the card's queues, so a power
/// of two.
const RECEIVE_BUFFERS: usize = 4;

/// The most frames that can wait to be sent.
const SEND_BUFFERS: usize = 2;

/// The largest Ethernet frame, and in front of it the header that virtio adds.
const FRAME: usize = 1514;
const BUFFER: usize = 12 + FRAME;

type Buffer = [u8; BUFFER];
type Card = VirtIONetRaw<Dma, MmioTransport<'static>, RECEIVE_BUFFERS>;

/// The network card.
pub(crate) struct Ethernet {
    card: Card,
    receive_buffers: &'static mut [Buffer; RECEIVE_BUFFERS],
    send_buffers: &'static mut [Buffer; SEND_BUFFERS],
    /// By receive buffer: the card's token while the card owns it.
    receiving: [Option<u16>; RECEIVE_BUFFERS],
    /// By send buffer: the card's token and how much is to be sent, while the card owns it.
    sending: [Option<(u16, usize)>; SEND_BUFFERS],
}

impl Ethernet {
    /// Starts the machine's network card and enables interrupts. Call it once.
    ///
    /// # Panics
    ///
    /// If the machine has no network card.
    pub(crate) fn start() -> Self {
        static RECEIVE: ConstStaticCell<[Buffer; RECEIVE_BUFFERS]> =
            ConstStaticCell::new([[0; BUFFER]; RECEIVE_BUFFERS]);
        static SEND: ConstStaticCell<[Buffer; SEND_BUFFERS]> =
            ConstStaticCell::new([[0; BUFFER]; SEND_BUFFERS]);

        let (transport, interrupt) =
            virtio::find(DeviceType::Network).expect("the machine has a virtio network card");
        let mut card = Card::new(transport).expect("the network card starts");
        card.enable_interrupts();
        let mut ethernet = Self {
            card,
            receive_buffers: RECEIVE.take(),
            send_buffers: SEND.take(),
            receiving: [None; RECEIVE_BUFFERS],
            sending: [None; SEND_BUFFERS],
        };
        ethernet.give_back_received();
        interrupts::enable(interrupt);
        ethernet
    }

    /// Has the card's next interrupt poll us again, and quiets the last one.
    ///
    /// This comes before looking at the queues: what happens after that look interrupts again.
    fn arm(&mut self, context: &Context) {
        interrupts::wake_on_next(context.waker());
        if interrupts::is_claimed() {
            self.card.ack_interrupt();
            interrupts::completed();
        }
    }

    /// Gives the card every receive buffer it does not own: all of them at first, later the one
    /// that was lent out, whose borrow has ended by the time we are called.
    fn give_back_received(&mut self) {
        // By index, as iterating would form references to the buffers that the card owns.
        for slot in 0..RECEIVE_BUFFERS {
            if self.receiving[slot].is_none() {
                let begun = unsafe { self.card.receive_begin(&mut self.receive_buffers[slot]) };
                self.receiving[slot] = Some(begun.expect("the queue has room"));
            }
        }
    }

    /// Takes back what has been sent.
    fn take_back_sent(&mut self) {
        while let Some(done) = self.card.poll_transmit() {
            let (slot, length) = self
                .sending
                .iter()
                .enumerate()
                .find_map(|(slot, sending)| {
                    sending.filter(|(token, _)| *token == done).map(|(_, length)| (slot, length))
                })
                .expect("the card sends what it was given");
            unsafe { self.card.transmit_complete(done, &self.send_buffers[slot][..length]) }
                .expect("the token was just polled");
            self.sending[slot] = None;
        }
    }

    fn free_send_slot(&mut self) -> Option<usize> {
        self.take_back_sent();
        self.sending.iter().position(Option::is_none)
    }
}

impl Driver for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sendable<'a>;

    fn receive(&mut self, context: &mut Context) -> Option<(Received<'_>, Sendable<'_>)> {
        self.arm(context);
        self.give_back_received();
        // A received frame may have to be answered on the spot.
        let send_slot = self.free_send_slot()?;
        let token = self.card.poll_receive()?;
        let slot = self
            .receiving
            .iter()
            .position(|receiving| *receiving == Some(token))
            .expect("the card fills what it was given");
        let buffer = &mut self.receive_buffers[slot];
        let (header, length) =
            unsafe { self.card.receive_complete(token, buffer) }.expect("the token was just polled");
        self.receiving[slot] = None;
        Some((
            Received(&mut buffer[header..header + length]),
            Sendable {
                card: &mut self.card,
                buffer: &mut self.send_buffers[send_slot],
                sending: &mut self.sending[send_slot],
            },
        ))
    }

    fn transmit(&mut self, context: &mut Context) -> Option<Sendable<'_>> {
        self.arm(context);
        let slot = self.free_send_slot()?;
        Some(Sendable {
            card: &mut self.card,
            buffer: &mut self.send_buffers[slot],
            sending: &mut self.sending[slot],
        })
    }

    fn link_state(&mut self, _context: &mut Context) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = FRAME;
        capabilities.max_burst_size = Some(RECEIVE_BUFFERS);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.card.mac_address())
    }
}

/// A received frame. Its buffer goes back to the card when the driver is next polled.
pub(crate) struct Received<'a>(&'a mut [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// Room for one frame to send.
pub(crate) struct Sendable<'a> {
    card: &'a mut Card,
    buffer: &'a mut Buffer,
    sending: &'a mut Option<(u16, usize)>,
}

impl TxToken for Sendable<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, compose: F) -> R {
        let header = self.card.fill_buffer_header(self.buffer).expect("the buffer holds a header");
        let total = header + length;
        let result = compose(&mut self.buffer[header..total]);
        let token = unsafe { self.card.transmit_begin(&self.buffer[..total]) }.expect("the queue has room");
        *self.sending = Some((token, total));
        result
    }
}
