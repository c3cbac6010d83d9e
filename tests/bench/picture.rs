//! The comparisons as a picture: for each, a bar of Tenon's and one of what it is compared with.

use std::fmt::Write;

use crate::report::Row;

const WIDTH: f64 = 980.0;
const LABELS: f64 = 400.0;
const BARS: f64 = 340.0;
const ROW: f64 = 46.0;
const HEAD: f64 = 64.0;

const OURS: &str = "#1f6feb";
const THEIRS: &str = "#b6bdc6";

/// An SVG document.
pub(crate) fn of(rows: &[Row]) -> String {
    let compared: Vec<&Row> = rows.iter().filter(|row| row.beside.is_some()).collect();
    let height = HEAD + ROW * compared.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    text(
        &mut svg,
        12.0,
        26.0,
        "font-size=\"17\" font-weight=\"600\"",
        "Tenon, and what it is measured against",
    );
    text(
        &mut svg,
        12.0,
        46.0,
        "fill=\"#57606a\"",
        "In one run, in turns. Rates: longer is better. Times: shorter is better.",
    );
    for (place, row) in compared.iter().enumerate() {
        draw(&mut svg, HEAD + ROW * place as f64, row);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, top: f64, row: &Row) {
    let Some((what, value, ratio)) = row.beside else { return };
    let most = row.value.max(value).max(f64::MIN_POSITIVE);
    text(svg, 12.0, top + 22.0, "fill=\"#1f2328\"", &row.what);
    for (line, colour, length, label) in [
        (top + 4.0, OURS, row.value, row.shown(row.value)),
        (top + 21.0, THEIRS, value, format!("{} {what}", row.shown(value))),
    ] {
        let width = (BARS * length / most).max(1.0);
        // Writing to a String does not fail.
        let _ = writeln!(
            svg,
            "<rect x=\"{LABELS}\" y=\"{line:.0}\" width=\"{width:.1}\" height=\"14\" rx=\"2\" fill=\"{colour}\"/>"
        );
        let inside = width > BARS * 0.6;
        let (x, style) = match (inside, colour == OURS) {
            (true, true) => (LABELS + 6.0, "font-size=\"11\" fill=\"#ffffff\""),
            (true, false) => (LABELS + 6.0, "font-size=\"11\" fill=\"#1f2328\""),
            (false, _) => (LABELS + width + 6.0, "font-size=\"11\" fill=\"#1f2328\""),
        };
        text(svg, x, line + 11.0, style, &label);
    }
    let (colour, mark) = match row.is_reached() {
        Some(true) => ("#1a7f37", "goal reached"),
        Some(false) => ("#cf222e", "goal missed"),
        None => ("#57606a", ""),
    };
    let style = format!("font-weight=\"600\" fill=\"{colour}\"");
    text(svg, LABELS + BARS + 110.0, top + 22.0, &style, &format!("{ratio:.2}  {mark}"));
}

fn text(svg: &mut String, x: f64, y: f64, style: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    // Writing to a String does not fail.
    let _ = writeln!(svg, "<text x=\"{x:.0}\" y=\"{y:.0}\" {style}>{text}</text>");
}
