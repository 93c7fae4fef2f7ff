//! Numbers on the wire: seven bits a byte, the highest first, as few bytes as the number needs.

/// Appends a number, which is one of 32 bits with or without a sign.
pub(super) fn encode(value: u32, to: &mut Vec<u8>) {
    let signed = i64::from(value.cast_signed());
    for shift in [28, 21, 14, 7] {
        // Of seven bits more than are left, the lowest quarter of the range and the highest three are for them.
        let most = 3_i64 << (shift - 2);
        if !(-(1 << (shift - 2))..most).contains(&signed) {
            to.push((signed >> shift) as u8 & 0x7f | 0x80);
        }
    }
    to.push(signed as u8 & 0x7f);
}

/// Takes a number from the front; `None` when it does not end, or is longer than any number is.
pub(super) fn decode(bytes: &mut &[u8]) -> Option<u32> {
    let (first, mut rest) = bytes.split_first()?;
    let mut last = *first;
    // The highest quarter of the first byte's range is for what is below zero.
    let mut value = u32::from(last & 0x7f);
    if value >= 0x60 {
        value |= !0x7f;
    }
    for _ in 0..4 {
        if last & 0x80 == 0 {
            break;
        }
        let (next, behind) = rest.split_first()?;
        (last, rest) = (*next, behind);
        value = value << 7 | u32::from(last & 0x7f);
    }
    *bytes = rest;
    (last & 0x80 == 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(value as u32, &mut bytes);
        bytes
    }

    #[test]
    fn a_number_takes_as_few_bytes_as_it_needs() {
        let lengths = [0, 95, -32, 96, -33, 12_287, -4096, 12_288, 1_572_864, 0x7fff_ffff, -0x8000_0000];
        assert_eq!(lengths.map(|value| encoded(value).len()), [1, 1, 1, 2, 2, 2, 2, 3, 4, 5, 5]);
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let near = |power: u32| [-1_i64, 0, 1].map(|more| (1_i64 << power) + more);
        for value in (0..32).flat_map(near).flat_map(|value| [value, -value]) {
            let bytes = encoded(value);
            assert_eq!(decode(&mut bytes.as_slice()), Some(value as u32), "{value}");
        }
    }

    #[test]
    fn a_number_that_does_not_end_is_none() {
        for bytes in [&[][..], &[0x80], &[0xff; 5], &[0xff; 9]] {
            assert_eq!(decode(&mut &*bytes), None, "{bytes:?}");
        }
    }
}
