//! hub-firmware
