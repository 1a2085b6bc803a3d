//! From a layout to SVG: boxes in columns, arrows as curves, words beside them. One file, no script, no font, nothing from elsewhere.

use crate::cli::drawing::Drawing;
use crate::cli::drawing::Look;
use crate::cli::drawing::layout::Layout;

/// Width of a letter at the size used, in pixels, a little more than the widest usual fonts take.
const LETTER_WIDTH: usize = 8;
/// Height of a box.
const BOX_HEIGHT: usize = 30;
/// Room beside the letters in a box, both sides together.
const BOX_PADDING: usize = 20;
/// Height of a row.
const ROW_HEIGHT: usize = 52;
/// Least room between columns; words on arrows make it more.
const GAP_MIN: usize = 60;
/// Room around everything.
const MARGIN: usize = 20;

/// A point of the picture.
#[derive(Debug, Clone, Copy)]
struct Spot {
    left: usize,
    middle: usize,
    width: usize,
}

/// Draws.
pub(super) fn draw(drawing: &Drawing, layout: &Layout) -> String {
    let (spots, width, height) = places(drawing, layout);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#667\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (edge, way) in drawing.edges.iter().zip(&layout.ways) {
        text += &arrow(way, &spots, &edge.label);
    }
    for (node, spot) in drawing.nodes.iter().zip(&spots) {
        text += &boxed(&node.label, node.look, *spot);
    }
    text + "</svg>\n"
}

/// Gives the spot of every point, and the size of the picture.
fn places(drawing: &Drawing, layout: &Layout) -> (Vec<Spot>, usize, usize) {
    let count = layout.columns.iter().flatten().max().map_or(0, |last| last + 1);
    let width_of = |point: usize| drawing.nodes.get(point).map_or(0, |node| letters(&node.label) * LETTER_WIDTH + BOX_PADDING);
    let rows = layout.columns.iter().map(Vec::len).max().unwrap_or_default();
    let mut gaps = vec![GAP_MIN; layout.columns.len()];
    let mut column_of = vec![0; count];
    for (column, points) in layout.columns.iter().enumerate() {
        points.iter().for_each(|point| column_of[*point] = column);
    }
    for (edge, way) in drawing.edges.iter().zip(&layout.ways) {
        // The words stand in the gap right of the leftmost end.
        if let Some(column) = way.iter().take(2).map(|point| column_of[*point]).min() {
            gaps[column] = gaps[column].max(letters(&edge.label) * LETTER_WIDTH + GAP_MIN / 2);
        }
    }
    let mut spots = vec![Spot { left: 0, middle: 0, width: 0 }; count];
    let mut left = MARGIN;
    for (column, points) in layout.columns.iter().enumerate() {
        let top = MARGIN + (rows - points.len()) * ROW_HEIGHT / 2;
        let widest = points.iter().map(|point| width_of(*point)).max().unwrap_or_default();
        for (row, point) in points.iter().enumerate() {
            // A long arrow passes a column on a line of its own, beside the boxes.
            let width = if *point < drawing.nodes.len() { width_of(*point) } else { widest };
            spots[*point] = Spot { left, middle: top + row * ROW_HEIGHT + ROW_HEIGHT / 2, width };
        }
        left += widest + gaps[column];
    }
    let last_gap = gaps.last().copied().unwrap_or_default();
    (spots, (left + MARGIN).saturating_sub(last_gap), rows * ROW_HEIGHT + 2 * MARGIN)
}

fn boxed(label: &str, look: Look, spot: Spot) -> String {
    let (fill, stroke, words) = match look {
        Look::Project => ("#e8eef7", "#345", "#123"),
        Look::Pack => ("#f7f7f5", "#889", "#222"),
        Look::Trouble => ("#fdecea", "#c0392b", "#7b1f14"),
    };
    let (x, y, width) = (spot.left, spot.middle - BOX_HEIGHT / 2, spot.width);
    format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BOX_HEIGHT}\" rx=\"5\" fill=\"{fill}\" stroke=\"{stroke}\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"{words}\">{}</text>\n",
        x + width / 2,
        spot.middle + 5,
        escaped(label)
    )
}

/// An arrow from the right side of a box to the left side of another, through the points between; one that points back leaves to the left.
fn arrow(way: &[usize], spots: &[Spot], label: &str) -> String {
    let (Some(first), Some(last)) = (way.first().map(|point| spots[*point]), way.last().map(|point| spots[*point])) else { return String::new() };
    let points_right = first.left < last.left;
    let leave = if points_right { first.left + first.width } else { first.left };
    let mut path = format!("M{leave} {}", first.middle);
    let mut at = (leave, first.middle);
    let mut words = None;
    for (number, point) in way.iter().enumerate().skip(1) {
        let spot = spots[*point];
        let (near, far) = if points_right { (spot.left, spot.left + spot.width) } else { (spot.left + spot.width, spot.left) };
        let to = (near, spot.middle);
        let half = at.0.midpoint(to.0);
        path += &format!(" C{half} {} {half} {} {} {}", at.1, to.1, to.0, to.1);
        words.get_or_insert((half, at.1.midpoint(to.1)));
        at = to;
        if number + 1 < way.len() {
            path += &format!(" H{far}");
            at.0 = far;
        }
    }
    let mut text = format!("<path d=\"{path}\" fill=\"none\" stroke=\"#667\" marker-end=\"url(#tip)\"/>\n");
    if let (Some((x, y)), false) = (words, label.is_empty()) {
        let (y, label) = (y.saturating_sub(4), escaped(label));
        let place = format!("x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" font-size=\"12\"");
        // The words once more behind themselves, in white and thicker, so that no line runs through them.
        text += &format!("<text {place} stroke=\"#fff\" stroke-width=\"3\">{label}</text><text {place} fill=\"#445\">{label}</text>\n");
    }
    text
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

/// Escapes words for XML; a control character, which XML does not have, becomes a blank.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::drawing::tests::drawing;

    #[test]
    fn words_cannot_leave_their_element() {
        assert_eq!(escaped("<&\">\u{1b}ä"), "&lt;&amp;&quot;&gt; ä");
    }

    #[test]
    fn every_box_and_arrow_is_drawn() {
        let drawing = drawing(4, &[(0, 1), (1, 2), (0, 2), (2, 0), (3, 3)]);
        let text = drawing.svg();
        assert_eq!(text.matches("<rect").count(), 1 + drawing.nodes.len());
        assert_eq!(text.matches("marker-end").count(), drawing.edges.len());
    }

    #[test]
    fn boxes_of_a_column_do_not_overlap() {
        let edges: Vec<(usize, usize)> = (1..30).map(|leaf| (0, leaf)).collect();
        let drawing = drawing(30, &edges);
        let (spots, width, height) = places(&drawing, &Layout::of(&drawing));
        let mut rows: Vec<usize> = spots[1..].iter().map(|spot| spot.middle).collect();
        rows.sort_unstable();
        assert!(rows.windows(2).all(|pair| pair[1] - pair[0] >= BOX_HEIGHT));
        assert!(spots.iter().all(|spot| spot.left + spot.width <= width && spot.middle + BOX_HEIGHT / 2 <= height));
    }
}
