"""A power law in compute with irreducible error: y = k C^s + d."""

from dataclasses import replace

from prunelaw_sim.laws.catalogue.power_law import LAW as WITHOUT

LAW = replace(WITHOUT, fixed={"floor": True}, compared={"power-law-floor": {}})
