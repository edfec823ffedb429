"""The parameters of the cases C1 to C5 whose equilibria the documentation tabulates."""

import numpy as np

from policies.closed_forms.published import Suppliers, SurplusHomes
from policies.closed_forms.quadratic import QuadraticProsumers
from policies.closed_forms.storage import StorageProsumers

FIVE_PROSUMERS = QuadraticProsumers(
    first_kwh_eur_per_kwh=np.array([0.40, 0.35, 0.30, 0.45, 0.38]),
    slope_eur_per_kwh2=np.array([0.10, 0.08, 0.12, 0.10, 0.16]),
    generation_kwh=np.array([0.0, 5.0, 3.0, 0.0, 4.0]),
)
"""C1, C3 and C4: two consumers and three homes with solar power."""

THREE_STORES = StorageProsumers(
    first_kwh_eur_per_kwh=np.array([[0.40, 0.30, 0.50], [0.35, 0.30, 0.45], [0.42, 0.36, 0.55]]),
    slope_eur_per_kwh2=np.array([0.10, 0.08, 0.12]),
    generation_kwh=np.array([[0.0, 2.0, 0.0], [0.0, 6.0, 1.0], [0.0, 4.0, 0.0]]),
    wear_eur_per_kwh2=np.array([0.05, 0.08, 0.10]),
    efficiency=0.9,
)
"""C2: morning, midday and evening."""

STORES_WHOLESALE_EUR_PER_KWH = np.array([0.12, 0.08, 0.30])
"""C2: wholesale prices of the three intervals."""

FIVE_HOMES = SurplusHomes(
    preference_eur=np.array([8.0, 10.0, 12.0, 9.0, 11.0]),
    available_kwh=np.array([4.0, 6.0, 8.0, 5.0, 7.0]),
)
"""C5 (i); the grid price is 2."""

THREE_SUPPLIERS = Suppliers(
    capacity_kwh=np.array([10.0, 15.0, 20.0]),
    budget_eur=np.array([20.0, 25.0, 30.0, 15.0, 10.0]),
    offset_kwh=np.ones(5),
)
"""C5 (ii)."""
