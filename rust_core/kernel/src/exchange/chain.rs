//! The log's hash: each command is hashed together with the hash of all before it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Command;

/// Hash over all commands so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Chain {
    head: [u8; 32],
    #[serde(skip)]
    buffer: Vec<u8>,
}

impl Chain {
    pub(super) fn add(&mut self, command: &Command, at_ms: i64) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut bytes = postcard::to_extend(command, cleared(buffer))
            .expect("a command of numbers and text has a byte form");
        bytes.extend_from_slice(&at_ms.to_le_bytes());
        let mut hasher = Sha256::new();
        hasher.update(self.head);
        hasher.update(&bytes);
        self.head = hasher.finalize().into();
        self.buffer = bytes;
    }

    pub(super) fn hex(&self) -> String {
        use std::fmt::Write as _;

        self.head.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

fn cleared(mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.clear();
    buffer
}
