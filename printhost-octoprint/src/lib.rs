//! printhost-octoprint
