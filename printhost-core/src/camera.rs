use alloc::string::String;

/// A camera that watches the printer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Camera {
    /// Its name on the host; empty where the only camera has none.
    pub name: String,
    /// Where a viewer finds the live picture, as an absolute URL. What it speaks (MJPEG, HLS, WebRTC) is the camera's
    /// choice.
    pub stream: Option<String>,
    /// Where single pictures come from; means something to the driver only. `None` when there are none to be had.
    pub snapshot: Option<String>,
}
