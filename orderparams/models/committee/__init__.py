"""The soft committee machine of Saad and Solla, Phys. Rev. E 52, 4225 (1995).

K students with weights w_k learn online what M teachers w*_m answer to x ~ N(0, I_D):
φ = Σ_k a_k g(w_k·x/√D) against y = Σ_m b_m g(w*_m·x/√D) + σξ, with the loss (φ − y)²/2.
"""
