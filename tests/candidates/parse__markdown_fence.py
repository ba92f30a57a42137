# expects: syntax: SyntaxError
# entry: 44
# segment: DW
```python
class DW(nn.Module):
    pass
```
