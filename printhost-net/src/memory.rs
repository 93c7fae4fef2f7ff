//! Buffers that grow to a known size, so that what they take can be declared before anything is allocated.

use alloc::vec::Vec;

/// What a `Vec` or `String` that grows to `len` bytes takes at most, in bytes: it may double its memory, and holds the old
/// one while it copies it.
pub const fn growing(len: usize) -> usize {
    len.saturating_mul(3)
}

/// What a future takes that is boxed, in bytes; it is not made.
pub const fn of_future<F>(_: &impl Fn() -> F) -> usize {
    size_of::<F>()
}

/// What a buffer that grows by [`grow`] takes at most.
pub(crate) const fn growing_to(most: usize) -> usize {
    most + most / 2
}

/// Makes a buffer `len` bytes long, of `most` in the end. It grows by doubling as a `Vec` does, but the last step is to
/// `most`, from half of it or less.
pub(crate) fn grow(bytes: &mut Vec<u8>, len: usize, most: usize) {
    let have = bytes.capacity();
    if len > have {
        let to = match len.max(have.saturating_mul(2)) {
            to if len <= most / 2 => to.min(most / 2),
            _ => most.max(len),
        };
        bytes.reserve_exact(to - bytes.len());
    }
    bytes.resize(len, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_buffer_takes_no_more_than_is_declared() {
        for most in [1, 600, 1024, 4096, 5000] {
            for step in [1, 3, 100, 512, 4096] {
                let mut bytes = Vec::new();
                let mut len = 0;
                while len < most {
                    len = (len + step).min(most);
                    let before = bytes.capacity();
                    grow(&mut bytes, len, most);
                    let held = if bytes.capacity() > before { before + bytes.capacity() } else { before };
                    assert!(held <= growing_to(most), "{held} for {most} in steps of {step}");
                }
                assert_eq!(bytes.len(), most);
            }
        }
    }
}
