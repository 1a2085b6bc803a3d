//! What happens meanwhile, for people: bars on a terminal's stderr, one line per finished item elsewhere.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::cli::output::CHANGED;
use crate::cli::output::DIM;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::ops::Event;
use crate::ops::Report;

/// Most downloads that have a bar of their own; the total counts the others. More rows would only flicker.
const ROWS_MAX: usize = 4;

/// Most of a release's name that a row shows, in characters.
const NAME_CHARS_MAX: usize = 24;

/// Fewer columns have no room for bars beside the figures.
const COLUMNS_MIN: u16 = 60;

/// How often bars are drawn a second.
const DRAWS_PER_SECOND: u8 = 10;

/// What to tell a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling {
    /// Nothing but errors.
    pub(super) quiet: bool,
    /// How much more.
    pub(super) verbose: u8,
    /// Bars, where stderr is a terminal.
    pub(super) bars: bool,
    /// A line for each download.
    pub(super) downloads: bool,
}

/// Tells a person what happens; clones tell together.
#[derive(Clone)]
pub(super) struct Progress {
    telling: Telling,
    stage: Arc<Mutex<Option<Stage>>>,
    /// Whether the last word is being said: no bar is drawn over it.
    is_over: Arc<AtomicBool>,
}

/// The bars of archives that are being downloaded and unpacked.
struct Stage {
    all: MultiProgress,
    templates: &'static Templates,
    /// Downloads: bytes of all.
    total: Option<ProgressBar>,
    unpacking: ProgressBar,
    rows: BTreeMap<String, ProgressBar>,
    /// Bytes that are there of each download.
    there_bytes: BTreeMap<String, u64>,
}

/// How the lines of a stage look; a line that does not fit would be broken in two and drawn wrongly.
struct Templates {
    total: &'static str,
    unpacking: &'static str,
    building: &'static str,
    row: &'static str,
}

const WIDE: Templates = Templates {
    total: "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta:>4}",
    unpacking: "{msg} {wide_bar} {pos}/{len} packs",
    building: "building {wide_bar} {pos}/{len} packs  {msg}",
    row: "  {msg} {wide_bar} {bytes}/{total_bytes}",
};

const NARROW: Templates = Templates {
    total: "{msg} {bytes}/{total_bytes}",
    unpacking: "{msg} {pos}/{len} packs",
    building: "building {pos}/{len} packs",
    row: "  {msg} {percent:>3}%",
};

impl Templates {
    fn for_terminal() -> &'static Templates {
        let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| size.ws_col);
        // A terminal that does not tell its size is taken for an ordinary one.
        if columns == 0 || columns >= COLUMNS_MIN { &WIDE } else { &NARROW }
    }
}

impl Progress {
    /// Makes a teller.
    pub(super) fn new(telling: Telling) -> Progress {
        Progress { telling, stage: Arc::default(), is_over: Arc::default() }
    }

    /// Takes all bars away for a last word, after which no other thread draws any.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.clear();
    }

    /// Begins bars; looks with the stage in hand whether the last word is being said, since that takes the stage afterwards.
    fn begin(&self, stage: Stage) {
        let mut current = self.stage();
        if !self.is_over.load(Ordering::SeqCst) {
            *current = Some(stage);
        }
    }

    fn clear(&self) {
        if let Some(stage) = self.stage().take() {
            let _ = stage.all.clear();
        }
    }

    fn stage(&self) -> MutexGuard<'_, Option<Stage>> {
        self.stage.lock().expect("no holder panics")
    }

    fn line(&self, text: &str) {
        let print = || {
            let _ = writeln!(anstream::stderr(), "{text}");
        };
        match self.stage().as_ref() {
            Some(stage) => stage.all.suspend(print),
            None => print(),
        }
    }

    fn downloaded(&self, release: &str, bytes: u64, there_bytes: u64) {
        if self.telling.downloads && !self.telling.bars {
            self.line(&paint(DIM, downloaded_line(release, bytes, there_bytes)));
        }
    }

    fn unpacked(&self, release: &str, bytes: u64) {
        if let Some(stage) = self.stage().as_ref() {
            stage.unpacking.inc(1);
            return;
        }
        if self.telling.verbose > 0 {
            self.line(&paint(DIM, format!("unpacked {} ({})", plain(release), human_bytes(bytes))));
        }
    }

    fn built(&self, archive: &str) {
        let name = archive.rsplit('/').next().unwrap_or(archive);
        self.with_stage(|stage| stage.built(name));
    }

    fn with_stage(&self, act: impl FnOnce(&mut Stage)) {
        if let Some(stage) = self.stage().as_mut() {
            act(stage);
        }
    }
}

fn downloaded_line(release: &str, bytes: u64, there_bytes: u64) -> String {
    let earlier = if there_bytes == 0 { String::new() } else { format!(", {} of it earlier", human_bytes(there_bytes)) };
    format!("downloaded {} ({}{earlier})", plain(release), human_bytes(bytes))
}

impl Stage {
    fn begin(downloads: usize, download_bytes: u64, archives: usize) -> Stage {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND));
        let templates = Templates::for_terminal();
        let total = (downloads > 0).then(|| {
            let bar = all.add(ProgressBar::new(download_bytes).with_style(style(templates.total)));
            bar.set_message("downloading");
            bar
        });
        let unpacking = all.add(ProgressBar::new(archives as u64).with_style(style(templates.unpacking)));
        unpacking.set_message("unpacking  ");
        Stage { all, templates, total, unpacking, rows: BTreeMap::new(), there_bytes: BTreeMap::new() }
    }

    /// The bar of packs that are being built; it stands where the one of archives to unpack does.
    fn begin_build(packs: usize) -> Stage {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND));
        let templates = Templates::for_terminal();
        let unpacking = all.add(ProgressBar::new(packs as u64).with_style(style(templates.building)));
        Stage { all, templates, total: None, unpacking, rows: BTreeMap::new(), there_bytes: BTreeMap::new() }
    }

    fn built(&self, archive: &str) {
        self.unpacking.set_message(plain(archive));
        self.unpacking.inc(1);
    }

    fn download_begins(&mut self, release: String, bytes: u64) {
        if self.rows.len() < ROWS_MAX {
            let bar = self.all.insert(0, ProgressBar::new(bytes).with_style(style(self.templates.row)));
            bar.set_message(short_name(&release));
            self.rows.insert(release.clone(), bar);
        }
        self.there_bytes.insert(release, 0);
    }

    fn download_advances(&mut self, release: &str, there_bytes: u64) {
        if let Some(row) = self.rows.get(release) {
            row.set_position(there_bytes);
        }
        let before = self.there_bytes.insert(release.to_owned(), there_bytes).unwrap_or(0);
        if let Some(total) = &self.total {
            // A download that begins anew goes back.
            total.set_position((total.position() + there_bytes).saturating_sub(before));
        }
    }

    fn download_ends(&mut self, release: &str) {
        if let Some(row) = self.rows.remove(release) {
            row.finish_and_clear();
            self.all.remove(&row);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid").progress_chars("=> ")
}

/// Gives a name of one width, so that the bars stand in line; a long one loses its middle, since the version is at its end.
fn short_name(release: &str) -> String {
    let name: Vec<char> = plain(release).chars().collect();
    if name.len() <= NAME_CHARS_MAX {
        return format!("{:<NAME_CHARS_MAX$}", name.iter().collect::<String>());
    }
    let end = NAME_CHARS_MAX / 2;
    name[..NAME_CHARS_MAX - end - 1].iter().chain(&['…']).chain(&name[name.len() - end..]).collect()
}

impl Report for Progress {
    #[allow(clippy::match_same_arms, reason = "what is told to nobody stands beside what is told to a terminal")]
    fn event(&self, event: Event) {
        match event {
            Event::StageBegins { downloads, download_bytes, archives, .. } if self.telling.bars => {
                self.begin(Stage::begin(downloads, download_bytes, archives));
            }
            Event::StageBegins { .. } => {}
            Event::DownloadBegins { release, bytes } => self.with_stage(|stage| stage.download_begins(release, bytes)),
            Event::DownloadAdvances { release, there_bytes } => self.with_stage(|stage| stage.download_advances(&release, there_bytes)),
            Event::DownloadEnds { release } => self.with_stage(|stage| stage.download_ends(&release)),
            Event::Downloaded { release, bytes, there_bytes } => self.downloaded(&release, bytes, there_bytes),
            Event::Unpacked { release, bytes } => self.unpacked(&release, bytes),
            Event::BuildBegins { packs } if self.telling.bars => self.begin(Stage::begin_build(packs)),
            Event::BuildBegins { .. } => {}
            Event::Built { archive } => self.built(&archive),
            Event::StageEnds | Event::BuildEnds => self.clear(),
            _ if self.telling.quiet => {}
            Event::Waiting(holder) => self.line(&format!("waiting for {}", plain(&holder))),
            Event::Warning(text) => self.line(&format!("{} {}", paint(CHANGED, "warning:"), plain(&text))),
            Event::Detail(text) if self.telling.verbose > 0 => self.line(&paint(DIM, plain(&text))),
            Event::Detail(_) => {}
            Event::Note(text) => self.line(&format!("{} {}", paint(DIM, "note:"), plain(&text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_one_line() {
        assert_eq!(downloaded_line("kanban 2.0.3", 48 << 10, 0), "downloaded kanban 2.0.3 (48.0 KiB)");
        assert_eq!(downloaded_line("kanban 2.0.3", 48 << 10, 24 << 10), "downloaded kanban 2.0.3 (48.0 KiB, 24.0 KiB of it earlier)");
    }

    #[test]
    fn names_have_one_width() {
        for name in ["kanban 2.0.3", "a-very-long-name-of-a-pack 12.0.0", "\u{1b}[31mred 1.0.0"] {
            assert_eq!(short_name(name).chars().count(), NAME_CHARS_MAX, "{name}");
        }
        assert_eq!(short_name("a-very-long-name-of-a-pack 12.0.0"), "a-very-long…-pack 12.0.0");
    }
}
