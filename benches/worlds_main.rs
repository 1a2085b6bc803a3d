//! Writes a made-up registry as lines, for programs that are measured on the same: `worlds free|rich SEED`.
//!
//! ```text
//! root pack-00000 ^1
//! release pack-00000 1.0.0 pack-00017 ^1.3 pack-00920 =1.0.0
//! ```

mod numbers;
mod worlds;

use std::fmt::Write as _;

use crate::worlds::LARGE;
use crate::worlds::World;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let world = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["free", seed] => worlds::free(LARGE, seed.parse().expect("a number")),
        ["rich", seed] => worlds::rich(LARGE, seed.parse().expect("a number")),
        // `cargo bench` runs every bench, this one with nothing to do.
        _ => return,
    };
    print!("{}", lines(&world));
}

fn lines(world: &World) -> String {
    let mut text = String::new();
    for root in &world.roots {
        let _ = writeln!(text, "root {} {}", root.name, root.range);
    }
    for (name, releases) in &world.registry {
        for release in releases {
            let needs: String = release.requires.iter().map(|(needed, range)| format!(" {needed} {range}")).collect();
            let _ = writeln!(text, "release {name} {}{needs}", release.version);
        }
    }
    text
}
