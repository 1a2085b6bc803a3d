//! Graphs for eyes: as text for graphviz, or drawn as SVG without any other program.

mod layout;
mod svg;

use crate::cli::drawing::layout::Layout;

/// A graph with words on its nodes and edges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Drawing {
    /// Its nodes; edges mean them by their place here.
    pub nodes: Vec<Node>,
    /// Its edges.
    pub edges: Vec<Edge>,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// What stands in it.
    pub label: String,
    /// How it looks.
    pub look: Look,
}

/// How a box looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The project.
    Project,
    /// A pack.
    Pack,
    /// A pack that makes trouble.
    Trouble,
}

/// An arrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    /// The node it starts at.
    pub from: usize,
    /// The node it points at.
    pub to: usize,
    /// What stands beside it.
    pub label: String,
}

impl Drawing {
    /// Adds a node and gives its place.
    pub(super) fn node(&mut self, label: String, look: Look) -> usize {
        self.nodes.push(Node { label, look });
        self.nodes.len() - 1
    }

    /// Writes the graph in the language of graphviz.
    pub(super) fn dot(&self) -> String {
        let mut text = "digraph packs {\n  rankdir = LR;\n  node [shape = box, fontname = \"sans-serif\"];\n  edge [fontname = \"sans-serif\"];\n".to_owned();
        for (number, node) in self.nodes.iter().enumerate() {
            let look = match node.look {
                Look::Project => ", style = bold",
                Look::Pack => "",
                Look::Trouble => ", color = \"#c0392b\", fontcolor = \"#c0392b\"",
            };
            text += &format!("  n{number} [label = {}{look}];\n", quoted(&node.label));
        }
        for edge in &self.edges {
            text += &format!("  n{} -> n{} [label = {}];\n", edge.from, edge.to, quoted(&edge.label));
        }
        text + "}\n"
    }

    /// Draws the graph.
    pub(super) fn svg(&self) -> String {
        svg::draw(self, &Layout::of(self))
    }
}

/// Quotes a label for graphviz; a control character becomes a blank.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            '\n' => vec!['\\', 'n'],
            c if c.is_control() => vec![' '],
            c => vec![c],
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a drawing of nodes called by their number and edges without words.
    pub(super) fn drawing(nodes: usize, edges: &[(usize, usize)]) -> Drawing {
        let mut drawing = Drawing::default();
        for number in 0..nodes {
            drawing.node(format!("n{number}"), Look::Pack);
        }
        drawing.edges = edges.iter().map(|(from, to)| Edge { from: *from, to: *to, label: String::new() }).collect();
        drawing
    }

    #[test]
    fn labels_cannot_leave_their_quotes() {
        assert_eq!(quoted("a \"b\" \\ \n\u{1b}"), "\"a \\\"b\\\" \\\\ \\n \"");
    }

    #[test]
    fn nodes_and_edges_are_written_once() {
        let text = drawing(2, &[(0, 1)]).dot();
        assert_eq!(text.matches("n0 [label").count(), 1);
        assert_eq!(text.matches("n0 -> n1").count(), 1);
    }
}
