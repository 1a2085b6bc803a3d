//! `[place]`: links and copies in the project, and what people did to them.
