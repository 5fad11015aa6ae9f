"""SGD of an attention layer by PyTorch, as somebody would write it, who knows nothing of order
parameters but their definition: makes pytorch.csv, of which docs/judge.md tells.

    pip install torch && python data/reference/pytorch.py
"""

from pathlib import Path

import torch

torch.manual_seed(0)
D, H, L, rate, steps = 1000, 2, 3, 5.0, 2000

direction = torch.randn(D)
direction *= D**0.5 / direction.norm()  # |k*|² = D
keys = torch.nn.Parameter(0.5 * torch.randn(H, D))
optimizer = torch.optim.SGD([keys], lr=rate)

rows = ["step,m_1_1,m_2_1,q_1_1,q_2_1,q_2_2"]
for step in range(steps + 1):
    if step % 200 == 0:
        m = (keys @ direction / D).tolist()
        q = (keys @ keys.T / D).tolist()
        numbers = [*m, q[0][0], q[1][0], q[1][1]]
        rows.append(",".join([str(step), *(f"{number:.9g}" for number in numbers)]))
    tokens = torch.randn(L, D)
    marked = torch.randint(L, ())
    sign = 2 * torch.randint(2, ()) - 1
    tokens[marked] += sign * 6**0.5 * direction / D**0.5
    attention = torch.softmax(tokens @ keys.T / D**0.5, dim=0).mean(dim=1)
    loss = torch.nn.functional.mse_loss(attention @ tokens, tokens[marked])  # a mean over D
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

Path(__file__).with_name("pytorch.csv").write_text("\n".join(rows) + "\n", "ascii")
