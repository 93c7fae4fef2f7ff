use embassy_net::Stack;
use printhost::{AnyHost, Entropy, Event, JobEnd, PrinterUrl, Result};
use printhost_net_embassy::{Sockets, embassy_net};

use crate::print_and_follow;

/// Memory for two connections, one for requests and one for what the printer pushes: 4 KiB for each direction.
pub type Buffers = [([u8; 4096], [u8; 4096]); 2];

/// What a firmware calls when somebody presses its button: uploads a file from flash, prints it and follows the print.
///
/// The board brings a network stack that is being run, memory for the sockets (a `StaticCell`, usually) and a source of
/// unpredictable bytes. Everything else is the same function that runs on a computer.
pub async fn print_from_flash<E: Entropy>(
    stack: Stack<'_>,
    buffers: &mut Buffers,
    entropy: E,
    (printer, key): (&PrinterUrl, &str),
    gcode: &[u8],
    show: impl FnMut(&Event),
) -> Result<JobEnd> {
    stack.wait_config_up().await;
    let sockets = Sockets::new(stack, buffers);
    let net = embassy_net(&sockets, entropy);
    let host = AnyHost::new(&net, printer, key);
    print_and_follow(&&net, &host, "button.gcode", gcode, show).await
}
