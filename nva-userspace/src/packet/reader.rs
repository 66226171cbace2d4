//! A cursor over the octets of a message that cannot run past their end and knows where it is.

/// What is left to read of a field, and at which offset in the message that begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    octets: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads `octets`, the first of which is at `offset` in the message.
    pub(super) fn new(octets: &'a [u8], offset: usize) -> Reader<'a> {
        Reader { octets, offset }
    }

    /// Where in the message the next octet is.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// How many octets are left.
    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// All that is left, without reading it.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.octets
    }

    /// The next `N` octets; `None`, and nothing read, if there are fewer.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.octets.split_first_chunk::<N>()?;
        self.octets = tail;
        self.offset = self.offset.saturating_add(N);
        Some(*head)
    }

    /// The next octet.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// The next 2 octets in network order.
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next 4 octets in network order.
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A reader of the next `count` octets, which this one then has behind it; `None`, and nothing read, if there are
    /// fewer.
    pub(super) fn field(&mut self, count: usize) -> Option<Reader<'a>> {
        let (head, tail) = self.octets.split_at_checked(count)?;
        let field = Reader { octets: head, offset: self.offset };
        self.octets = tail;
        self.offset = self.offset.saturating_add(count);
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_in_network_order_and_keeps_its_place() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 19);
        assert_eq!(reader.u8(), Some(1));
        assert_eq!(reader.u16(), Some(0x0203));
        assert_eq!(reader.u32(), Some(0x0405_0607));
        assert_eq!((reader.offset(), reader.len()), (26, 2));
        let field = reader.field(1).expect("one of two");
        assert_eq!((field.offset(), field.rest()), (26, &[8][..]));
        assert_eq!((reader.offset(), reader.rest()), (27, &[9][..]));
    }

    #[test]
    fn a_read_past_the_end_reads_nothing() {
        let mut reader = Reader::new(&[1], 0);
        assert_eq!(reader.u16(), None);
        assert!(reader.field(2).is_none());
        assert_eq!((reader.offset(), reader.len()), (0, 1));
    }
}
