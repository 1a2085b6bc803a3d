//! Passphrases of signing keys: from a file, a variable, or a person at a terminal; never echoed, never on the command line.

use std::io;
use std::io::IsTerminal as _;
use std::io::Read as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use rustix::termios;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;

use crate::cli::settings::Settings;
use crate::fsys;
use crate::ops::KeyChoice;
use crate::ops::OpsError;
use crate::ops::Passphrases;
use crate::ops::Signing;
use crate::registry::Passphrase;

/// Largest file with a passphrase that is read, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// What a terminal sends for ctrl-C, ctrl-D and both kinds of backspace.
const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: [u8; 2] = [8, 127];

/// With which keys to sign, for all commands that write to registries.
#[derive(Debug, Clone, Args)]
pub(super) struct SigningArgs {
    /// Sign with this key: its name in `packs key list`, or its file; several, with commas, while keys change
    #[arg(long = "key", value_name = "KEY", env = "PACKS_SIGNING_KEY", value_delimiter = ',')]
    keys: Vec<KeyChoice>,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Where passphrases come from.
#[derive(Debug, Clone, Args)]
pub(super) struct PassphraseArgs {
    /// Read the key's passphrase from the first line of this file.
    #[arg(
        long,
        help = "Read the key's passphrase from the first line of this file (or set PACKS_KEY_PASSPHRASE)",
        value_name = "FILE",
        env = "PACKS_KEY_PASSPHRASE_FILE"
    )]
    passphrase_file: Option<PathBuf>,
}

impl SigningArgs {
    /// Gives what knows the passphrases.
    pub(super) fn passphrases(&self, settings: &Settings) -> AskedPassphrases {
        self.passphrase.passphrases(settings)
    }

    /// Gives the keys, with what knows their passphrases.
    pub(super) fn signing<'a>(&'a self, passphrases: &'a AskedPassphrases) -> Signing<'a> {
        Signing { keys: &self.keys, passphrases }
    }
}

impl PassphraseArgs {
    /// Gives what knows the passphrases.
    pub(super) fn passphrases(&self, settings: &Settings) -> AskedPassphrases {
        let file = self.passphrase_file.as_ref().map(|file| settings.context.directory.join(file));
        AskedPassphrases { file, variable: settings.key_passphrase.clone() }
    }
}

/// A file before a variable before a person.
pub(super) struct AskedPassphrases {
    file: Option<PathBuf>,
    variable: Option<Passphrase>,
}

impl Passphrases for AskedPassphrases {
    fn to_open(&self, key: &str) -> Result<Option<Passphrase>, OpsError> {
        match self.given()? {
            Some(given) => Ok(Some(given)),
            None => ask(&format!("Passphrase of the key {key}: ")),
        }
    }

    fn for_new(&self, key: &str) -> Result<Option<Passphrase>, OpsError> {
        if let Some(given) = self.given()? {
            return Ok(Some(given));
        }
        loop {
            let Some(first) = ask(&format!("New passphrase for the key {key}: "))? else { return Ok(None) };
            let Some(again) = ask("Once more: ")? else { return Ok(None) };
            if first == again {
                return Ok(Some(first));
            }
            say("They differ.\n");
        }
    }
}

impl AskedPassphrases {
    fn given(&self) -> Result<Option<Passphrase>, OpsError> {
        let Some(path) = &self.file else { return Ok(self.variable.clone()) };
        let bytes = fsys::read(path, FILE_BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(Some(Passphrase::new(text.lines().next().unwrap_or_default())))
    }
}

/// Asks a person; `None` where stdin or stderr is no terminal, or the person gave up.
fn ask(question: &str) -> Result<Option<Passphrase>, OpsError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    say(question);
    let Ok(quiet) = Quiet::begin() else { return Ok(None) };
    let answer = read_line(&mut stdin.lock());
    drop(quiet);
    say("\n");
    match answer {
        Answer::Line(line) => Ok(Some(Passphrase::new(line))),
        Answer::None => Ok(None),
        Answer::Interrupted => Err(OpsError::Interrupted),
    }
}

fn say(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// What a person typed.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Line(String),
    None,
    Interrupted,
}

/// Reads the keys of one line as they are pressed.
#[allow(clippy::unbuffered_bytes, reason = "keys come one at a time, and none may be taken from whoever reads next")]
fn read_line(keys: &mut dyn io::Read) -> Answer {
    let mut line = Vec::new();
    for key in keys.bytes() {
        match key {
            Ok(b'\n' | b'\r') => return String::from_utf8(line).map_or(Answer::None, Answer::Line),
            Ok(INTERRUPT) => return Answer::Interrupted,
            Ok(END) | Err(_) => return Answer::None,
            Ok(key) if BACKSPACE.contains(&key) => {
                // A character may be of several bytes: those that go on are 10xxxxxx.
                while line.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            Ok(key) => line.push(key),
        }
    }
    Answer::None
}

/// A terminal that shows nothing of what is typed, and passes ctrl-C on as a key, until this is dropped: so it is never left as it is now.
struct Quiet {
    before: termios::Termios,
}

impl Quiet {
    fn begin() -> rustix::io::Result<Quiet> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &quiet)?;
        Ok(Quiet { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_a_line() {
        for (typed, expected) in [
            (&b"secret\nmore"[..], Answer::Line("secret".into())),
            (b"secret\r", Answer::Line("secret".into())),
            (b"\n", Answer::Line(String::new())),
            ("sü\u{7f}\u{8}\u{7f}x\n".as_bytes(), Answer::Line("x".into())),
            (b"sec\x03", Answer::Interrupted),
            (b"sec\x04", Answer::None),
            (b"sec", Answer::None),
            (b"\xff\n", Answer::None),
        ] {
            assert_eq!(read_line(&mut &*typed), expected, "{typed:?}");
        }
    }
}
