//! Builds tar files byte by byte, right or wrong in every field.

/// One header and what follows it, each field as the bytes that are written.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) flag: u8,
    pub(crate) mode: Vec<u8>,
    pub(crate) size: Vec<u8>,
    pub(crate) magic: [u8; 8],
    pub(crate) checksum: Option<Vec<u8>>,
    pub(crate) content: Vec<u8>,
    /// What fills up the last block of the content.
    pub(crate) filler: u8,
}

impl Entry {
    pub(crate) fn new(flag: u8, name: &str, content: &[u8]) -> Self {
        Entry {
            name: name.as_bytes().to_vec(),
            prefix: Vec::new(),
            link: Vec::new(),
            flag,
            mode: b"0000644\0".to_vec(),
            size: octal(content.len() as u64),
            magic: *b"ustar\x0000",
            checksum: None,
            content: content.to_vec(),
            filler: 0,
        }
    }

    pub(crate) fn file(name: &str, content: &[u8]) -> Self {
        Entry::new(b'0', name, content)
    }

    pub(crate) fn directory(name: &str) -> Self {
        Entry { mode: b"0000755\0".to_vec(), ..Entry::new(b'5', name, b"") }
    }

    pub(crate) fn symlink(name: &str, target: &str) -> Self {
        Entry { link: target.as_bytes().to_vec(), ..Entry::new(b'2', name, b"") }
    }

    pub(crate) fn hard_link(name: &str, target: &str) -> Self {
        Entry { link: target.as_bytes().to_vec(), ..Entry::new(b'1', name, b"") }
    }

    /// A PAX header of these records.
    pub(crate) fn pax(records: &[(&str, &str)]) -> Self {
        let text: Vec<String> = records.iter().map(|(key, value)| record(key, value)).collect();
        Entry::new(b'x', "PaxHeader", text.concat().as_bytes())
    }

    pub(crate) fn gnu(self) -> Self {
        Entry { magic: *b"ustar  \0", ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut block = [0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name);
        put(100, &self.mode);
        put(108, b"0000000\x000000000\0");
        put(124, &self.size);
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[self.flag]);
        put(157, &self.link);
        put(257, &self.magic);
        put(345, &self.prefix);
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        let checksum = self.checksum.clone().unwrap_or_else(|| format!("{sum:06o}\0 ").into_bytes());
        block[148..148 + checksum.len()].copy_from_slice(&checksum);
        let mut bytes = [&block[..], &self.content].concat();
        bytes.resize(bytes.len().next_multiple_of(512), self.filler);
        bytes
    }
}

pub(crate) fn octal(size: u64) -> Vec<u8> {
    format!("{size:011o}\0").into_bytes()
}

/// Gives `<length of all of it> <key>=<value>\n`.
pub(crate) fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let length = (1..=2000).find(|length: &usize| length.to_string().len() + rest.len() == *length).expect("there is one");
    format!("{length}{rest}")
}

/// The end mark.
pub(crate) const END: [u8; 1024] = [0; 1024];

/// Entries one after the other, and the end mark.
pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    bytes.extend_from_slice(&END);
    bytes
}
