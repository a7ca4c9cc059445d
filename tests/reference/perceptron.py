"""Reference values of the pruned perceptron, all digits stable.

Computed by nested adaptive quadrature of the published saddle-point equations (arXiv
2206.14486, appendix A) outside this package; rounded to 15 digits.
"""

# alpha_tot, f, theta (rad), rule, error, kappa
REFERENCE = [
    (3.0, 0.5, 0.0, "hard", 0.215362013759172, 0.349063126591137),
    (3.0, 0.5, 0.0, "easy", 0.142778396593155, 1.04475503566072),
    (3.0, 0.5, 0.3, "hard", 0.245942318165279, 0.394081167428046),
    (3.0, 0.5, 0.3, "easy", 0.171829911771623, 1.03142384753809),
    (10.0, 0.3, 0.2, "hard", 0.0718757107738966, 0.114811630351968),
    (30.0, 0.2, 0.5, "hard", 0.102803427367423, 0.0979960314716331),
    (100.0, 0.05, 0.0, "hard", 0.00500550344784221, 0.0100441652481881),
    (1e4, 0.05, 0.0, "hard", 5.00488922800501e-05, 1.00445812657612e-04),
    (50.0, 0.5, 1.0, "easy", 0.0235562031466371, 0.0474373266379522),
]

# Keep-hard beats keep-easy above this alpha_tot at θ = 0 (three digits), by f.
SWITCHES = {0.8: 9.67, 0.6: 4.93, 0.5: 5.05, 0.4: 5.76, 0.3: 7.21, 0.2: 10.3, 0.1: 20.1}
