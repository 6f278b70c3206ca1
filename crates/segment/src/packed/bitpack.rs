//! Frame-of-reference bit-packing in blocks of 1,024 numbers.
//!
//! A block: bits per number (1 byte), lowest number (8 bytes), then the differences to it, lowest bit first.

/// Numbers per block.
const BLOCK: usize = 1024;
const HEAD: usize = 9;

/// Appends `numbers` in packed form.
pub(crate) fn pack(numbers: &[u64], out: &mut Vec<u8>) {
    for block in numbers.chunks(BLOCK) {
        let low = block.iter().copied().min().unwrap_or(0);
        let high = block.iter().copied().max().unwrap_or(0);
        let bits = 64 - (high - low).leading_zeros();
        out.push(bits as u8);
        out.extend_from_slice(&low.to_le_bytes());
        let (mut buffer, mut filled) = (0u128, 0u32);
        for &number in block {
            buffer |= u128::from(number - low) << filled;
            filled += bits;
            while filled >= 32 {
                out.extend_from_slice(&(buffer as u32).to_le_bytes());
                buffer >>= 32;
                filled -= 32;
            }
        }
        let rest = filled.div_ceil(8) as usize;
        out.extend_from_slice(&(buffer as u32).to_le_bytes()[..rest]);
    }
}

/// Reads exactly `count` numbers; `None` when `bytes` do not hold them, or hold more.
pub(crate) fn unpack(mut bytes: &[u8], count: usize, out: &mut Vec<u64>) -> Option<()> {
    out.clear();
    while out.len() < count {
        let len = BLOCK.min(count - out.len());
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let bits = u32::from(head[0]);
        let low = u64::from_le_bytes(head[1..].try_into().ok()?);
        if bits > 64 {
            return None;
        }
        let (packed, rest) = rest.split_at_checked((len * bits as usize).div_ceil(8))?;
        bytes = rest;
        let mask = if bits == 64 { u64::MAX } else { (1u64 << bits) - 1 };
        let (mut buffer, mut filled, mut at) = (0u128, 0u32, 0usize);
        for _ in 0..len {
            while filled < bits {
                if let Some(word) = packed.get(at..at + 4) {
                    buffer |= u128::from(u32::from_le_bytes(word.try_into().ok()?)) << filled;
                    filled += 32;
                    at += 4;
                } else {
                    buffer |= u128::from(*packed.get(at)?) << filled;
                    filled += 8;
                    at += 1;
                }
            }
            out.push(low.wrapping_add(buffer as u64 & mask));
            buffer >>= bits;
            filled -= bits;
        }
    }
    bytes.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let cases: Vec<Vec<u64>> = vec![
            vec![],
            vec![7],
            vec![u64::MAX, 0, 5],
            (0..5000).map(|i| i % 7).collect(),
            (0..3000).map(|i| 1_000_000 + i * i).collect(),
            vec![42; 2049],
        ];
        for numbers in cases {
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            pack(&numbers, &mut bytes);
            assert_eq!(unpack(&bytes, numbers.len(), &mut back), Some(()));
            assert_eq!(back, numbers);
            assert_eq!(unpack(&bytes, numbers.len() + 1025, &mut back), None);
            if !bytes.is_empty() {
                assert_eq!(unpack(&bytes[..bytes.len() - 1], numbers.len(), &mut back), None);
            }
        }
    }
}
