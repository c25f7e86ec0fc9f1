"""The plan compiler: recipe + facts -> plan, or refusals that say why. Light: no torch."""
