//! What happens meanwhile, for people: bars on a terminal's stderr, one line per finished item elsewhere.

use std::io::Write as _;
use std::sync::Mutex;

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

/// Tells a person what happens.
pub(super) struct Progress {
    quiet: bool,
    verbose: u8,
    bars: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// Makes a teller; `bars` only where stderr is a terminal.
    pub(super) fn new(quiet: bool, verbose: u8, bars: bool) -> Progress {
        Progress { quiet, verbose, bars, bar: Mutex::new(None) }
    }

    fn line(&self, text: &str) {
        let bar = self.bar.lock().expect("no holder panics");
        let print = || {
            let _ = writeln!(anstream::stderr(), "{text}");
        };
        match bar.as_ref() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn begin(&self, archives: usize, bytes: u64) {
        if !self.bars {
            return;
        }
        let template = "unpacking {wide_bar} {pos}/{len} archives  {msg}";
        let style = ProgressStyle::with_template(template).expect("the template is valid");
        let bar = ProgressBar::with_draw_target(Some(archives as u64), ProgressDrawTarget::stderr()).with_style(style);
        bar.set_message(human_bytes(bytes));
        *self.bar.lock().expect("no holder panics") = Some(bar);
    }

    fn unpacked(&self, release: &str, bytes: u64) {
        if let Some(bar) = self.bar.lock().expect("no holder panics").as_ref() {
            bar.inc(1);
            return;
        }
        if self.verbose > 0 {
            self.line(&paint(DIM, format!("unpacked {} ({})", plain(release), human_bytes(bytes))));
        }
    }

    fn begin_build(&self, packs: usize) {
        if !self.bars {
            return;
        }
        let style = ProgressStyle::with_template("building {wide_bar} {pos}/{len} packs  {msg}").expect("the template is valid");
        let bar = ProgressBar::with_draw_target(Some(packs as u64), ProgressDrawTarget::stderr()).with_style(style);
        *self.bar.lock().expect("no holder panics") = Some(bar);
    }

    fn built(&self, archive: &str) {
        if let Some(bar) = self.bar.lock().expect("no holder panics").as_ref() {
            let name = archive.rsplit('/').next().unwrap_or(archive);
            bar.set_message(plain(name));
            bar.inc(1);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar.lock().expect("no holder panics").take() {
            bar.finish_and_clear();
        }
    }
}

impl Report for Progress {
    fn event(&self, event: Event) {
        match event {
            Event::UnpackBegins { archives, bytes } => self.begin(archives, bytes),
            Event::Unpacked { release, bytes } => self.unpacked(&release, bytes),
            Event::BuildBegins { packs } => self.begin_build(packs),
            Event::Built { archive } => self.built(&archive),
            Event::UnpackEnds | Event::BuildEnds => self.end(),
            _ if self.quiet => {}
            Event::Waiting(holder) => self.line(&format!("waiting for {}", plain(&holder))),
            Event::Warning(text) => self.line(&format!("{} {}", paint(CHANGED, "warning:"), plain(&text))),
            Event::Note(text) => self.line(&format!("{} {}", paint(DIM, "note:"), plain(&text))),
        }
    }
}
